/** What the bundle's alias does: `blessed`, which is not installed, is our stub. Import before the chart. */
import { registerHooks } from 'node:module';

const stub = new URL('../../scripts/stand-ins/blessed.cjs', import.meta.url).href;

registerHooks({
	resolve: (specifier, context, next) =>
		specifier === 'blessed' ? { url: stub, shortCircuit: true, format: 'commonjs' } : next(specifier, context),
});
