/** Hands a file to the person: the browser's own way of saving. */

/** Longer than any browser needs to begin. */
const KEPT_MS = 60_000;

/** A name that every system takes. */
export function fileName(text: string, ending: string): string {
  const plain = text
    .replace(/[\\/:*?"<>|\p{Cc}]/gu, " ")
    .replace(/\s+/g, " ")
    .replace(/^[.\s]+|[.\s]+$/g, "");
  return `${plain.slice(0, 120).trim() || "WhatsSound"}.${ending}`;
}

export function save(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
}
