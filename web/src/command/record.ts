/** What an event says beside its kind, field by field, in words. */
import { dayAndClock, distance, duration, percent } from "../i18n/format.ts";
import { saidFirst } from "../i18n/events.gen.ts";
import type { Dict } from "../i18n/index.ts";
import { departmentName, gridByCode } from "../state/register.ts";

/** Fields that hold the code of a unit: a department, or village or town. */
const units = new Set(["owner", "from", "to", "proposed", "unit", "departments"]);
/** Said already by the sentence of the event itself. */
const inHead = new Set(["grid", "eta_s"]);

function unitName(code: string, w: Dict): string {
  return (w.course.local as Record<string, string>)[code] ?? departmentName(code);
}

/** The fields of a detail that are said, each with its name, in the order of the record. */
export function saysOf(kind: string, detail: Record<string, unknown>, w: Dict): [name: string, value: string][] {
  if (kind === "stage" || kind === "reported") return [];
  const out: [string, string][] = [];
  for (const key of saidFirst) {
    const v = detail[key];
    if (inHead.has(key) || v === null || v === undefined || v === "" || (v === false && key !== "passed" && key !== "checked")) continue;
    const text = inOneWord(key, v, w);
    if (text) out.push([w.said[key] ?? key, text]);
  }
  return out;
}

function inOneWord(key: string, v: unknown, w: Dict): string {
  const look = (table: unknown, code: string) => (table as Record<string, string>)[code] ?? code;
  if (typeof v === "boolean") return v ? w.record.yes : w.record.no;
  if (typeof v === "number") {
    if (key === "share") return percent(v);
    if (key === "lon" || key === "lat") return v.toFixed(6);
    return key.endsWith("_m") ? distance(v) : key.endsWith("_s") ? duration(v, w) : String(v);
  }
  if (Array.isArray(v)) return v.map((x) => inOneWord(key, x, w)).filter(Boolean).join(w.record.and);
  if (typeof v === "object" && v !== null) {
    const of = v as Record<string, unknown>;
    if (key === "owner" && typeof of.kind === "string") return of.kind === "unit" ? unitName(String(of.code ?? ""), w) : look(w.course.owners, of.kind);
    if (key === "reasons") return alike(of, w);
    if (typeof of.name === "string") return of.name;
    return Object.entries(of).map(([k, x]) => `${k} ${inOneWord("", x, w)}`).join(w.record.and);
  }
  const text = String(v);
  if (key === "result" || key === "document" || key === "road") return text;
  if (/^\d{4}-\d\d-\d\dT/.test(text)) return dayAndClock(text);
  if (/^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(text)) return "";
  if (key === "level") return look(w.course.levels, text);
  if (key === "satisfaction") return look(w.satisfaction, text);
  if (key === "tier") return look(w.like.tierNames, text);
  if (key === "clock") return look(w.course.clocks, text);
  if (key === "for") return look(w.record.askFor, text);
  if (key === "basis") return look(w.record.basis, text);
  if (key === "breaks") return look(w.meet.breaks, text);
  if (key === "grid") return gridByCode.value.get(text)?.name ?? text;
  return units.has(key) ? unitName(text, w) : text;
}

function alike(of: Record<string, unknown>, w: Dict): string {
  const value = Number(of.value);
  switch (of.why) {
    case "near": return w.like.why.near(distance(value));
    case "soon": return w.like.why.soon(duration(value * 60, w));
    case "photos": return w.like.why.photos(value);
    case "category": return w.like.why.category;
  }
  return String(of.why ?? "");
}
