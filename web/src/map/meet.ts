/** The mark of a place to meet: a pin with a bar under it, unlike anything that moves or is reported. */
export type MeetMark = { lon: number; lat: number; text: string; broken: boolean };

export function meetImage(rim: string, ratio: number): ImageData | null {
  const size = 34 * ratio;
  const canvas = document.createElement("canvas");
  canvas.width = size;
  canvas.height = size;
  const pen = canvas.getContext("2d");
  if (!pen) return null;
  pen.scale(ratio, ratio);
  // The tip of the pin is the middle of the lower edge.
  const outline = new Path2D("M17 33 7.6 18.400A11 11 0 1 1 26.400 18.400z");
  pen.lineJoin = "round";
  pen.strokeStyle = rim;
  pen.lineWidth = 3;
  pen.stroke(outline);
  pen.fillStyle = "#ffffff";
  pen.fill(outline);
  pen.fillStyle = "#0b3a66";
  pen.font = `700 13px "PingFang SC","HarmonyOS Sans SC","Microsoft YaHei UI","Noto Sans CJK SC",sans-serif`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText("集", 17, 13.2);
  return pen.getImageData(0, 0, size, size);
}
