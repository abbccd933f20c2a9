// Builds endpoint/static/: style sheets, the query editor, and an icon. Run with `npm run build`; the same input gives
// the same bytes. The editor is loaded by the query page alone, and what draws charts only when a chart is asked for.
import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild-wasm";
import * as sass from "sass";

const here = new URL("./", import.meta.url);
const source = new URL("src/", here);
const out = new URL("../static/", here);

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
for (const name of ["site", "sparql"]) {
  const { css } = sass.compile(fileURLToPath(new URL(`${name}.scss`, source)), {
    style: "compressed",
    loadPaths: [fileURLToPath(new URL("node_modules", here))],
    quietDeps: true,
  });
  await writeFile(new URL(`${name}.css`, out), `${css}\n`);
}
await esbuild.build({
  entryPoints: [fileURLToPath(new URL("sparql.mjs", source))],
  outdir: fileURLToPath(out),
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "inline",
  chunkNames: "[name]-[hash]",
  logLevel: "warning",
});
await cp(new URL("favicon.svg", source), new URL("favicon.svg", out));
