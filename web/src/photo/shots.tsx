/** Photos that go with a report or a step of a case: taken or chosen, shrunk at once, shown small, taken away again. */
import { useEffect, useRef, useState } from "preact/hooks";
import { words } from "../i18n/index.ts";
import { Icon } from "../ui/marks.tsx";
import { shrink } from "./shrink.ts";

type Props = {
  photos: Blob[];
  most: number;
  set: (photos: Blob[]) => void;
  /** Whether whoever uses the page holds a camera in the hand. */
  camera?: boolean;
};

/** Whoever changes the photos while others are being shrunk loses none: what is added is added to what is there then. */
export function Shots({ photos, most, set, camera = true }: Props) {
  const w = words.value.shots;
  const now = useRef(photos);
  now.current = photos;
  const [unreadable, setUnreadable] = useState(false);
  const [tooMany, setTooMany] = useState(false);
  const [opening, setOpening] = useState(0);

  /** One that cannot be opened is said, and does not take the others with it. One after the other: a cheap phone holds one at a time. */
  async function add(files: File[]): Promise<void> {
    setUnreadable(false);
    const room = Math.max(0, most - now.current.length);
    setTooMany(files.length > room);
    setOpening(Math.min(files.length, room));
    for (const file of files.slice(0, room)) {
      try {
        const photo = await shrink(file);
        now.current = [...now.current, photo].slice(0, most);
        set(now.current);
      } catch {
        setUnreadable(true);
      }
      setOpening((n) => n - 1);
    }
  }
  const from = (name: string, icon: "camera" | "album", capture: boolean) => (
    <label>
      <Icon name={icon} size={24} />
      {name}
      <input class="hidden-text" type="file" accept="image/*" multiple {...(capture ? { capture: "environment" as const } : {})}
        onChange={(e) => {
          const files = [...(e.currentTarget.files ?? [])];
          e.currentTarget.value = "";
          void add(files);
        }} />
    </label>
  );
  return (
    <>
      <div class="shots" role="group" aria-label={w.title(most)}>
        {photos.map((p, i) => (
          <Shot key={i} photo={p} label={w.remove(i + 1)} remove={() => {
            setTooMany(false);
            set(photos.filter((_, j) => j !== i));
          }} />
        ))}
        {photos.length < most && opening === 0 ? (
          <>
            {camera ? from(w.take, "camera", true) : null}
            {from(camera ? w.choose : w.file, "album", false)}
          </>
        ) : null}
        {opening > 0 ? <span class="shot opening" role="status">{w.opening(opening)}</span> : null}
      </div>
      {unreadable ? <p class="error" role="alert">{w.unreadable}</p> : null}
      {tooMany ? <p class="error" role="status">{w.tooMany(most)}</p> : null}
    </>
  );
}

function Shot({ photo, label, remove }: { photo: Blob; label: string; remove: () => void }) {
  const img = useRef<HTMLImageElement>(null);
  useEffect(() => {
    const url = URL.createObjectURL(photo);
    if (img.current) img.current.src = url;
    return () => URL.revokeObjectURL(url);
  }, [photo]);
  return (
    <span class="shot">
      <img ref={img} alt="" />
      <button type="button" aria-label={label} onClick={remove}><Icon name="close" size={20} /></button>
    </span>
  );
}
