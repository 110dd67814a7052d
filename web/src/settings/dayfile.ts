/** A table of holidays and make-up days as a person has it: read in the page, and shown line by line before anything is sent. */
import type { Day } from "./year.ts";
import { isDay } from "./year.ts";

export type Line = { line: number; day: string; kind: Day["kind"]; name: string; source: string; was: Day | null };
/** What is wrong with one line; head is the first of them, many the one that is too much. */
export type BadLine = { line: number; column: "day" | "kind" | "name" | "source" | "head" | "many"; text: string };
export type DayFile = { lines: Line[]; same: number; bad: BadLine[] };

/** A year has some 35; whoever sends more has the wrong file. */
export const mostLines = 400;
export const mostBytes = 256 * 1024;
const longestName = 100;
const longestSource = 200;

/** People write the kind as they say it. */
const kinds: Record<string, Day["kind"]> = {
  holiday: "holiday", 休: "holiday", 休息: "holiday", 放假: "holiday", 节假日: "holiday", 假日: "holiday",
  workday: "workday", 班: "workday", 上班: "workday", 调休上班: "workday", 补班: "workday", 调休: "workday",
};
type Column = "day" | "kind" | "name" | "source";
const columns: Record<string, Column> = { day: "day", 日期: "day", kind: "kind", 类型: "kind", name: "name", 名称: "name", source: "source", 来源: "source" };

/** Reads day,kind,name,source (or 日期,类型,名称,来源; the last two may be missing) and says what each line would change. */
export function readDays(text: string, have: readonly Day[]): DayFile {
  const out: DayFile = { lines: [], same: 0, bad: [] };
  const rows = text.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/);
  const head = cells(rows[0] ?? "").map((c) => columns[c.trim().toLowerCase()]);
  if (!head.includes("day") || !head.includes("kind")) {
    out.bad.push({ line: 1, column: "head", text: (rows[0] ?? "").slice(0, 60) });
    return out;
  }
  const known = new Map(have.map((d) => [d.day, d]));
  const seen = new Set<string>();
  for (const [i, row] of rows.entries()) {
    if (i === 0 || row.trim() === "") continue;
    const line = i + 1;
    if (out.lines.length + out.same + out.bad.length >= mostLines) {
      out.bad.push({ line, column: "many", text: String(mostLines) });
      break;
    }
    const at = cells(row);
    const value = (name: Column) => (at[head.indexOf(name)] ?? "").trim();
    const day = dayOf(value("day"));
    const kind = kinds[value("kind").toLowerCase()];
    const was = (day && known.get(day)) || null;
    const name = head.includes("name") ? value("name") : "";
    const source = value("source") || was?.source || ""; // a table that does not say takes none away
    if (!day || seen.has(day)) out.bad.push({ line, column: "day", text: value("day") });
    else if (!kind) out.bad.push({ line, column: "kind", text: value("kind") });
    else if ([...name].length > longestName) out.bad.push({ line, column: "name", text: name.slice(0, 20) });
    else if ([...source].length > longestSource) out.bad.push({ line, column: "source", text: source.slice(0, 20) });
    else {
      seen.add(day);
      if (was && was.kind === kind && was.name === name && (was.source ?? "") === source) out.same++;
      else out.lines.push({ line, day, kind, name, source, was });
    }
  }
  return out;
}

/** 2026-10-01, and as spreadsheets write it: 2026/10/1. */
function dayOf(text: string): string | null {
  const m = /^(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?$/.exec(text);
  if (!m) return null;
  const day = `${m[1]}-${m[2]?.padStart(2, "0")}-${m[3]?.padStart(2, "0")}`;
  const year = Number(m[1]);
  return isDay(day) && year >= 2000 && year <= 2100 ? day : null;
}

/** The cells of one line; a quoted one may hold commas. */
function cells(row: string): string[] {
  const out: string[] = [];
  let cell = "";
  let quoted = false;
  for (let i = 0; i < row.length; i++) {
    const c = row[i];
    if (quoted && c === '"' && row[i + 1] === '"') {
      cell += '"';
      i++;
    } else if (c === '"') quoted = !quoted;
    else if (!quoted && (c === "," || c === "，" || c === "\t")) {
      out.push(cell);
      cell = "";
    } else cell += c;
  }
  out.push(cell);
  return out;
}
