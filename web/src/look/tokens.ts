/** Every colour, radius and typeface of the client. The theme and the style sheet take them from here. */
export interface Tokens {
  ground: string;
  surface: string;
  sunken: string;
  hover: string;
  line: string;
  lineStrong: string;
  ink: string;
  dim: string;
  accent: string;
  accentInk: string;
  accentSoft: string;
  ok: string;
  okSoft: string;
  warn: string;
  warnSoft: string;
  bad: string;
  badSoft: string;
}

export const light: Tokens = {
  ground: "#f7f8fa",
  surface: "#ffffff",
  sunken: "#f4f5f8",
  hover: "#f4f6fb",
  line: "#e4e6eb",
  lineStrong: "#868d9b",
  ink: "#15171c",
  dim: "#565c68",
  accent: "#3653cf",
  accentInk: "#ffffff",
  accentSoft: "#edf1ff",
  ok: "#0d6b4d",
  okSoft: "#e5f5ee",
  warn: "#8a4f0c",
  warnSoft: "#fdf1dc",
  bad: "#a8261a",
  badSoft: "#fdeae7",
};

export const dark: Tokens = {
  ground: "#0f1117",
  surface: "#171a21",
  sunken: "#11141a",
  hover: "#1d212a",
  line: "#282c36",
  lineStrong: "#6b7280",
  ink: "#eef0f4",
  dim: "#a2a9b5",
  accent: "#93a5ff",
  accentInk: "#11131a",
  accentSoft: "#1f2843",
  ok: "#54c892",
  okSoft: "#123021",
  warn: "#ecae63",
  warnSoft: "#33240f",
  bad: "#ff9584",
  badSoft: "#3b1814",
};

export const fonts = {
  text: '"Inter Variable", system-ui, -apple-system, "Segoe UI", sans-serif',
  mono: '"JetBrains Mono Variable", ui-monospace, "SFMono-Regular", Menlo, monospace',
};

export const radius = { small: 6, large: 10 };

const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** The tokens as CSS custom properties: `accentSoft` becomes `--accent-soft`. */
export function cssProperties(tokens: Tokens): Record<string, string> {
  return Object.fromEntries(Object.entries(tokens).map(([name, value]) => [`--${kebab(name)}`, value]));
}
