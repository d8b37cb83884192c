/** What packages run when they are installed, upgraded and removed: shell commands that never fail. */

export const UNITS = ['wattlag.service', 'wattlag-record.service', 'wattlag-serve.service'] as const;

/** Without a running systemd, as while an image is built, nothing is to be done. */
const withSystemd = (command: string): string => `if [ -d /run/systemd/system ]; then ${command}; fi`;

const RELOAD = 'systemctl daemon-reload || :';

/** After the files are there. Services that run become those of the new version, so none runs from deleted files. */
export const INSTALLED = withSystemd(`${RELOAD}; systemctl try-restart ${UNITS.join(' ')} || :`);

/** Before the files are removed for good: no BPF program stays loaded, and no link to a unit is left. Works in a chroot too. */
export const REMOVING = `if command -v systemctl >/dev/null 2>&1; then systemctl --quiet disable --now ${UNITS.join(' ')} || :; fi`;

/** After files are gone. Removes compiled code, which root's starts keep. Trees of the one file may lie beside it. */
export const REMOVED = [
	'rm -rf /var/cache/wattlag/compiled; rmdir /var/cache/wattlag 2>/dev/null || :',
	withSystemd(RELOAD),
].join('\n');

/** What the services wrote, in the folders of their units; `private` has those of services with a user of their own. */
export const PURGED = `rm -rf ${['log', 'lib'].flatMap((name) => [`/var/${name}/wattlag`, `/var/${name}/private/wattlag`]).join(' ')}`;
