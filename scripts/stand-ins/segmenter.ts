/**
 * Replaces `Intl.Segmenter` in the bundle. Ink's packages make four when they are loaded, for text that Ink does not have here.
 * The first one loads ICU's tables of locales: 7 ms and 3.7 MB. So each is made when it is used.
 */
export class LazySegmenter {
	private readonly options: ConstructorParameters<typeof Intl.Segmenter>;
	private real: Intl.Segmenter | undefined;

	constructor(...options: ConstructorParameters<typeof Intl.Segmenter>) {
		this.options = options;
	}

	segment(text: string): Intl.Segments {
		// by a name that the bundler does not replace
		const Real = Reflect.get(Intl, 'Segmenter') as typeof Intl.Segmenter;
		this.real ??= new Real(...this.options);
		return this.real.segment(text);
	}
}
