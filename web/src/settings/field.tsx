/** A line of a form: its name, what is typed into it, and below it what is wrong with that. */
import type { ComponentChildren } from "preact";

type LineProps = { id: string; label: string; wrong?: string | false | undefined; children: ComponentChildren };
export function FieldLine({ id, label, wrong, children }: LineProps) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <span class="entry">{children}</span>
      {wrong ? <p class="wrong" id={`${id}-wrong`} role="alert">{wrong}</p> : null}
    </div>
  );
}

/** What the entry with this id says of itself to those who do not see the line below it. */
export const saidWrong = (id: string, wrong: unknown) => (wrong ? ({ "aria-invalid": true, "aria-describedby": `${id}-wrong` } as const) : {});
