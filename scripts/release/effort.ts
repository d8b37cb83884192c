/** How hard artifacts are compressed. */

export interface Effort {
	/** Level of zstd, for the one file and the .rpm. */
	zstd: number;
	/** Level of xz, for the .tar.xz and the .deb. */
	xz: number;
	/** Level of gzip, for the image and the npm packages. */
	gzip: number;
}

/** zstd's level 19: 33 MB in place of 38 at level 9, and as fast to unpack. Its window, 8 MB, is what unpacking takes. */
export const THOROUGH: Effort = { zstd: 19, xz: 6, gzip: 9 };
/** Half as large again, in a tenth of the time: for work on the build itself. */
export const QUICK: Effort = { zstd: 3, xz: 0, gzip: 1 };
