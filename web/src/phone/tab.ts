import { signal } from "@preact/signals";

export type Tab = "tasks" | "report" | "me";
export const tab = signal<Tab>("tasks");
