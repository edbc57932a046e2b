// Fails when the scripts of the built client, all routes together, weigh more than the budget.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const budgetBytes = 500 * 1024;
const folder = new URL("../../src/portico/api/static/assets/", import.meta.url).pathname;
const sizes = readdirSync(folder)
  .filter((name) => name.endsWith(".js"))
  .map((name) => ({ name, bytes: gzipSync(readFileSync(join(folder, name))).length }))
  .sort((a, b) => b.bytes - a.bytes);
const total = sizes.reduce((sum, file) => sum + file.bytes, 0);
for (const file of sizes.slice(0, 8))
  process.stdout.write(`${(file.bytes / 1024).toFixed(1).padStart(8)} KB  ${file.name}\n`);
process.stdout.write(
  `${(total / 1024).toFixed(1).padStart(8)} KB  all scripts, gzipped (budget ${budgetBytes / 1024} KB)\n`,
);
if (sizes.length === 0 || total > budgetBytes) process.exit(1);
