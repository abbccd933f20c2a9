// Builds endpoint/static/: one style sheet and one icon. Run with `npm run build`; the same input gives the same bytes.
import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import * as sass from "sass";

const here = new URL("./", import.meta.url);
const out = new URL("../static/", here);

const { css } = sass.compile(fileURLToPath(new URL("site.scss", here)), {
  style: "compressed",
  loadPaths: [fileURLToPath(new URL("node_modules", here))],
  quietDeps: true,
});

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
await writeFile(new URL("site.css", out), `${css}\n`);
await cp(new URL("favicon.svg", here), new URL("favicon.svg", out));
