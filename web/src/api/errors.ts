import type { ErrorEnvelope, FieldError } from "./types";

/** What the server answered instead of the thing asked for, or that it could not be reached (status 0). */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly details: string | null;
  readonly correlationId: string | null;
  readonly fields: FieldError[];
  readonly retryAfterS: number | null;

  constructor(
    status: number,
    facts: {
      code: string;
      message: string;
      details?: string | null;
      correlationId?: string | null;
      fields?: FieldError[] | null;
      retryAfterS?: number | null;
    },
  ) {
    super(facts.message);
    this.name = "ApiError";
    this.status = status;
    this.code = facts.code;
    this.details = facts.details ?? null;
    this.correlationId = facts.correlationId ?? null;
    this.fields = facts.fields ?? [];
    this.retryAfterS = facts.retryAfterS ?? null;
  }
}

export function unreachable(path: string): ApiError {
  return new ApiError(0, {
    code: "UNREACHABLE",
    message: "The server did not answer",
    details: `The request to ${path} did not get through. Check that Portico runs and that you are online, then retry.`,
  });
}

/** Reads the error envelope; answers of something in between (a proxy, say) become an error with their status. */
export async function errorOf(response: Response): Promise<ApiError> {
  const correlationId = response.headers.get("X-Request-Id");
  const retryHeader = Number(response.headers.get("Retry-After"));
  const text = await response.text();
  const envelope = parseEnvelope(text);
  if (!envelope) {
    return new ApiError(response.status, {
      code: `HTTP_${response.status}`,
      message: `The server answered ${response.status}${response.statusText ? ` ${response.statusText}` : ""}`,
      details: null,
      correlationId,
    });
  }
  return new ApiError(response.status, {
    code: envelope.error?.code ?? envelope.code,
    message: envelope.error?.message ?? envelope.message,
    details: envelope.error?.details,
    correlationId: envelope.correlation_id ?? correlationId,
    fields: envelope.error?.fields,
    retryAfterS: envelope.error?.retry_after_s ?? (retryHeader > 0 ? retryHeader : null),
  });
}

function parseEnvelope(text: string): ErrorEnvelope | null {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body !== "object" || body === null || !("message" in body)) return null;
    return body as ErrorEnvelope;
  } catch {
    return null;
  }
}
