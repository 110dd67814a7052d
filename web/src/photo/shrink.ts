/** Photos are shrunk on the phone: a picture of 4 MB does not help anybody on a bad line. */
import { withExifOf } from "./exif.ts";

const longestPX = 1600;
const wantedBytes = 300 * 1024;

/** Fails where this browser cannot open the file: HEIC outside Safari, or no photo at all. */
export async function shrink(file: Blob): Promise<Blob> {
  const image = await createImageBitmap(file);
  const f = Math.min(1, longestPX / Math.max(image.width, image.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(image.width * f));
  canvas.height = Math.max(1, Math.round(image.height * f));
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  image.close();
  let best: Blob = file;
  for (const quality of [0.82, 0.66, 0.5, 0.36]) {
    const out = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/jpeg", quality));
    if (out) best = out;
    if (best.size <= wantedBytes) break;
  }
  return best === file ? file : withExifOf(file, best);
}
