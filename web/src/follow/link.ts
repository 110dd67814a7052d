/** Reads #ID.CODE, as the link on a slip or behind a QR code has it; null when it is anything else. */
export function linked(hash: string): { ref: string; code: string } | null {
  const m = /^#([0-9A-Za-z-]{1,64})\.([0-9A-Za-z-]{1,20})$/.exec(hash);
  return m ? { ref: m[1] as string, code: m[2] as string } : null;
}
