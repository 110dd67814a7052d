/** The mark of what a program plays: a patrol, or what it reported. It is no proof. */
import { words } from "../i18n/index.ts";
import { isPlayed } from "../state/duty.ts";

export function PlayedTag() {
  const w = words.value.played;
  return (
    <span class="tag played" title={w.hint}>
      {w.tag}
    </span>
  );
}

/** The tag where the patrol is played, nothing where it is real or not known. */
export function Played({ patrol }: { patrol: string | null | undefined }) {
  return patrol && isPlayed(patrol) ? <PlayedTag /> : null;
}
