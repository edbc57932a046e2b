import Button from "@mui/material/Button";
import Skeleton from "@mui/material/Skeleton";
import type { MouseEvent, ReactNode } from "react";
import { counted } from "./format";

export interface Column<T> {
  name: string;
  /** Shown instead of the name where the head is only for screen readers. */
  silent?: boolean;
  right?: boolean;
  wide?: boolean;
  /** Takes the width that is left and stays one line; what does not fit ends in an ellipsis. */
  line?: boolean;
  nowrap?: boolean;
  /** The width below which the column gives way: l 1100 px, m 800 px, s 600 px. */
  hide?: "l" | "m" | "s";
  cell: (row: T) => ReactNode;
}

interface TableProps<T> {
  label: string;
  columns: Column<T>[];
  rows: T[] | undefined;
  rowKey: (row: T) => string;
  /** Rows that open: their first `[data-open]` link or button is pressed when the row is. */
  opens?: boolean;
  tall?: boolean;
  skeletonRows?: number;
}

const classOf = <T,>(column: Column<T>) =>
  [
    column.right && "right",
    column.hide && `hide-${column.hide}`,
    column.wide && "wide",
    column.line && "line",
    column.nowrap && "nowrap",
  ]
    .filter(Boolean)
    .join(" ");

function pressRow(event: MouseEvent<HTMLTableRowElement>) {
  const pressed = event.target as HTMLElement;
  if (pressed.closest("a, button, input, select, label, [role='button']")) return;
  if (window.getSelection()?.toString()) return;
  event.currentTarget.querySelector<HTMLElement>("[data-open]")?.click();
}

export function Table<T>({ label, columns, rows, rowKey, opens, tall, skeletonRows = 6 }: TableProps<T>) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard
    <section className={tall ? "table-box tall" : "table-box"} tabIndex={0} aria-label={label}>
      <table className="table" aria-busy={rows === undefined}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.name} scope="col" className={classOf(column)}>
                {column.silent ? <span className="hidden-text">{column.name}</span> : column.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows === undefined
            ? Array.from({ length: skeletonRows }, (_, index) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: the rows are all alike
                <tr key={index}>
                  {columns.map((column) => (
                    <td key={column.name} className={classOf(column)}>
                      <Skeleton height={16} />
                    </td>
                  ))}
                </tr>
              ))
            : rows.map((row) => (
                <tr key={rowKey(row)} data-row={opens ? "" : undefined} onClick={opens ? pressRow : undefined}>
                  {columns.map((column) => (
                    <td key={column.name} className={classOf(column)}>
                      {column.cell(row)}
                    </td>
                  ))}
                </tr>
              ))}
        </tbody>
      </table>
    </section>
  );
}

interface MoreProps {
  shown: number;
  noun: string;
  plural?: string;
  hasNextPage: boolean;
  isFetchingNextPage: boolean;
  fetchNextPage: () => unknown;
}

export function More({ shown, noun, plural, hasNextPage, isFetchingNextPage, fetchNextPage }: MoreProps) {
  return (
    <div className="table-foot">
      <span>
        {counted(shown, noun, plural)}
        {hasNextPage ? " so far" : ""}
      </span>
      {hasNextPage && (
        <Button onClick={() => fetchNextPage()} disabled={isFetchingNextPage}>
          {isFetchingNextPage ? "Loading…" : "Load more"}
        </Button>
      )}
    </div>
  );
}
