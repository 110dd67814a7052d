/** The language of the page: Chinese unless a person chose otherwise on this machine. */
import { computed, signal } from "@preact/signals";
import { en } from "./en.ts";
import { type Dict, zh } from "./zh.ts";

export type Language = "zh" | "en";
const key = "gp.language";
const dicts: Record<Language, Dict> = { zh, en };

function remembered(): Language {
  try {
    return localStorage.getItem(key) === "en" ? "en" : "zh";
  } catch {
    return "zh";
  }
}

export const language = signal<Language>(remembered());
/** The words of the language in use; read .value inside a component to follow changes. */
export const words = computed<Dict>(() => dicts[language.value]);

export function setLanguage(to: Language): void {
  language.value = to;
  document.documentElement.lang = to === "zh" ? "zh-CN" : "en";
  try {
    localStorage.setItem(key, to);
  } catch {
    // Private windows may refuse storage; the choice then lasts as long as the page.
  }
}

/** A name the district gave in both languages. */
export function named(x: { name_zh: string; name_en: string } | undefined, fallback: string): string {
  if (!x) return fallback;
  return (language.value === "zh" ? x.name_zh : x.name_en) || fallback;
}

/** Words that the service says in both languages. */
export function inLanguage(w: { zh: string; en: string }): string {
  return language.value === "zh" ? w.zh : w.en;
}

export type { Dict };
