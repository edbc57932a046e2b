/** Figures for people: never without a unit, with as many digits as they need. A missing figure is a dash. */

export const dash = "–";

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const upTo = (digits: number) => new Intl.NumberFormat("en-US", { maximumFractionDigits: digits });
const exactly = (digits: number) =>
  new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const one = upTo(1);
const two = exactly(2);
const four = exactly(4);
const six = upTo(6);
const compactly = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

type Maybe = number | null | undefined;
const missing = (value: Maybe): value is null | undefined => value === null || value === undefined;

export function money(microusd: Maybe): string {
  if (missing(microusd)) return dash;
  if (microusd === 0) return "$0";
  const sign = microusd < 0 ? "-" : "";
  const dollars = Math.abs(microusd) / 1_000_000;
  if (dollars >= 1) return `${sign}$${two.format(dollars)}`;
  if (dollars >= 0.01) return `${sign}$${four.format(dollars)}`;
  return `${sign}$${six.format(dollars)}`;
}

/** For prices and limits, where $20 reads better than $20.00. */
export function roundMoney(microusd: Maybe): string {
  if (missing(microusd)) return dash;
  if (microusd % 1_000_000 === 0) return `$${whole.format(microusd / 1_000_000)}`;
  return microusd % 10_000 === 0 ? `$${two.format(microusd / 1_000_000)}` : money(microusd);
}

export function count(value: Maybe): string {
  return missing(value) ? dash : whole.format(value);
}

export function compact(value: Maybe): string {
  if (missing(value)) return dash;
  return value < 10_000 ? whole.format(value) : compactly.format(value);
}

export function counted(value: Maybe, noun: string, plural = `${noun}s`): string {
  return missing(value) ? dash : `${whole.format(value)} ${value === 1 ? noun : plural}`;
}

export function tokens(value: Maybe): string {
  return counted(value, "token");
}

export function percent(value: Maybe): string {
  if (missing(value)) return dash;
  if (value > 0 && value < 0.01) return "< 0.01 %";
  return `${(value < 1 ? upTo(2) : one).format(value)} %`;
}

export function perSecond(value: Maybe): string {
  if (missing(value)) return dash;
  if (value > 0 && value < 0.01) return "< 0.01";
  return value >= 100 ? whole.format(value) : upTo(value < 1 ? 2 : 1).format(value);
}

export function duration(us: Maybe): string {
  if (missing(us)) return dash;
  if (us === 0) return "0 ms";
  const ms = us / 1000;
  if (ms < 1) return `${ms < 0.01 ? upTo(3).format(ms) : upTo(2).format(ms)} ms`;
  if (ms < 10) return `${one.format(ms)} ms`;
  if (ms < 999.5) return `${whole.format(ms)} ms`;
  return seconds(ms / 1000);
}

export function seconds(value: Maybe): string {
  if (missing(value)) return dash;
  if (value < 59.995) return `${upTo(2).format(value)} s`;
  const total = Math.round(value);
  const days = Math.floor(total / 86_400);
  const hours = Math.floor((total % 86_400) / 3600);
  const minutes = Math.floor((total % 3600) / 60);
  const rest = total % 60;
  if (days > 0) return hours > 0 ? `${days} d ${hours} h` : `${days} d`;
  if (hours > 0) return minutes > 0 ? `${hours} h ${minutes} m` : `${hours} h`;
  return rest > 0 ? `${minutes} min ${rest} s` : `${minutes} min`;
}

/** A day, an hour: for what is counted anew in each. */
export function each(window: string): string {
  return `${window === "hour" ? "an" : "a"} ${window}`;
}

export function bytes(value: Maybe): string {
  if (missing(value)) return dash;
  const units = ["B", "KB", "MB", "GB", "TB"];
  let amount = value;
  let unit = 0;
  while (amount >= 1000 && unit < units.length - 1) {
    amount /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? whole.format(amount) : one.format(amount)} ${units[unit]}`;
}

export function ago(at: string, now: number): string {
  const pastS = (now - Date.parse(at)) / 1000;
  if (Number.isNaN(pastS)) return dash;
  if (Math.abs(pastS) < 5) return "just now";
  const words = coarse(Math.abs(pastS));
  return pastS > 0 ? `${words} ago` : `in ${words}`;
}

function coarse(span: number): string {
  if (span < 60) return `${Math.floor(span)} s`;
  if (span < 3600) return `${Math.floor(span / 60)} min`;
  if (span < 86_400) return `${Math.floor(span / 3600)} h`;
  return `${Math.floor(span / 86_400)} d`;
}

const pad = (value: number, digits = 2) => String(value).padStart(digits, "0");

/** The time of day with milliseconds, as the tables of calls show it. */
export function clock(at: string): string {
  const time = new Date(at);
  if (Number.isNaN(time.getTime())) return dash;
  return `${pad(time.getHours())}:${pad(time.getMinutes())}:${pad(time.getSeconds())}.${pad(time.getMilliseconds(), 3)}`;
}

export function hourMinute(at: number | string): string {
  const time = new Date(at);
  return `${pad(time.getHours())}:${pad(time.getMinutes())}`;
}

export function day(at: string): string {
  const time = new Date(at);
  if (Number.isNaN(time.getTime())) return dash;
  return `${time.getFullYear()}-${pad(time.getMonth() + 1)}-${pad(time.getDate())}`;
}

export function exact(at: string): string {
  const time = new Date(at);
  if (Number.isNaN(time.getTime())) return dash;
  const ahead = -time.getTimezoneOffset();
  const zone =
    ahead === 0
      ? "UTC"
      : `UTC${ahead > 0 ? "+" : "-"}${pad(Math.floor(Math.abs(ahead) / 60))}:${pad(Math.abs(ahead) % 60)}`;
  return `${day(at)} ${clock(at)} ${zone}`;
}

export function shortId(id: string): string {
  return id.length > 18 ? `${id.slice(0, 12)}…${id.slice(-4)}` : id;
}
