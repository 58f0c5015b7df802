// Builds dist/ from src/; what it writes is checked in, and test/build.test.mjs compares.
//
//   node build.mjs [FOLDER]      default: dist
import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

const here = fileURLToPath(new URL('.', import.meta.url));

export async function buildTo(folder) {
  const common = { entryPoints: [join(here, 'src/index.js')], bundle: true, target: 'es2017', charset: 'utf8', legalComments: 'none' };
  const banner = { js: '// wxsub-client: built from src/ by build.mjs' };
  await build({ ...common, banner, format: 'cjs', outfile: join(folder, 'index.js') });
  await build({ ...common, banner, format: 'esm', outfile: join(folder, 'index.mjs') });
  // One file for a page or an engine without modules: defines wxsubClient.
  await build({
    ...common,
    entryPoints: undefined,
    stdin: {
      contents:
        "import { Subscriber, SubscribeError } from './src/index.js'; globalThis.wxsubClient = { Subscriber, SubscribeError };",
      resolveDir: here,
    },
    format: 'iife',
    minify: true,
    mangleProps: /^_/,
    outfile: join(folder, 'wxsub-client.min.js'),
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildTo(process.argv[2] || join(here, 'dist'));
