// Keeps the house rules of src/: effects live in live/, the network is touched in api/ and live/ only.
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

const root = new URL("../src/", import.meta.url).pathname;
const rules = [
  { pattern: /\buse(Layout)?Effect\b/, allowed: ["live/"], says: "effects belong in live/" },
  { pattern: /\bfetch\(|new WebSocket\(/, allowed: ["api/", "live/"], says: "the network belongs in api/ and live/" },
  { pattern: /from "(\.\.\/)+rooms\//, allowed: ["rooms/", "app.tsx"], says: "only rooms and the app know rooms" },
];
const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) => /\.tsx?$/.test(name));
const broken = files.flatMap((name) => {
  const text = readFileSync(join(root, name), "utf8");
  return rules
    .filter((rule) => rule.pattern.test(text) && !rule.allowed.some((place) => name.startsWith(place)))
    .map((rule) => `${relative(root, join(root, name))}: ${rule.says}`);
});
for (const line of broken) process.stderr.write(`${line}\n`);
process.exit(broken.length === 0 ? 0 : 1);
