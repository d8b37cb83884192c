/** The release note: the top section of the changelog, of the version that is built. */

/** Markdown, with the section's heading. Throws where the section is of another version. */
export function releaseNote(changelog: string, version: string): string {
	const [, section = ''] = /^(## .*?)(?=^## |(?![\s\S]))/ms.exec(changelog) ?? [];
	const [, heading] = /^## (\S+)/.exec(section) ?? [];
	if (heading !== version)
		throw new Error(`the top section of CHANGELOG.md is of ${heading}, package.json of ${version}`);
	return `${section.trim()}\n`;
}

/**
 * A commit with tags of versions is released as one of them, with a note that is finished. Without such a tag any
 * version may be built.
 */
export function checkTags(tags: readonly string[], version: string, note: string): void {
	const versions = tags.filter((tag) => /^v\d/.test(tag));
	if (versions.length === 0) return;
	if (!versions.includes(`v${version}`))
		throw new Error(`the commit has the tag ${versions.join(', ')}, package.json the version ${version}`);
	const [heading = ''] = note.split('\n');
	if (/unreleased/i.test(heading)) throw new Error(`the top section of CHANGELOG.md is unreleased: ${heading}`);
}
