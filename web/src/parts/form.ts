import { useState } from "react";
import { ApiError } from "../api/errors";

export type Problems<T> = Partial<Record<keyof T, string>>;

/**
 * Values and what is wrong with them, while typing. A field shows its problem once it was touched or after an attempt to
 * send; what the server says about a field stays until that field changes.
 */
export function useForm<T extends object>(initial: T, check: (values: T) => Problems<T>) {
  const [values, setValues] = useState(initial);
  const [touched, setTouched] = useState<Partial<Record<keyof T, boolean>>>({});
  const [tried, setTried] = useState(false);
  const [refused, setRefused] = useState<Problems<T>>({});
  const problems = check(values);
  const valid = Object.values(problems).every((problem) => !problem);

  function set<Name extends keyof T>(name: Name, value: T[Name]) {
    setValues((before) => ({ ...before, [name]: value }));
    setTouched((before) => ({ ...before, [name]: true }));
    setRefused((before) => ({ ...before, [name]: undefined }));
  }

  function problem(name: keyof T): string | undefined {
    return refused[name] ?? (touched[name] || tried ? problems[name] : undefined);
  }

  return {
    values,
    valid,
    tried,
    set,
    problem,
    /** The props of a text field. */
    text: (name: keyof T & string, hint?: string) => ({
      name,
      value: String(values[name] ?? ""),
      onChange: (event: { target: { value: string } }) => set(name, event.target.value as T[typeof name]),
      error: problem(name) !== undefined,
      helperText: problem(name) ?? hint,
    }),
    attempt: (send: () => void) => {
      setTried(true);
      if (valid) send();
    },
    takeRefusal: (error: Error) => {
      if (!(error instanceof ApiError)) return;
      const named = error.fields.map((it) => [it.field.split(/[.[]/)[0], it.message] as const);
      setRefused(Object.fromEntries(named) as Problems<T>);
    },
  };
}
