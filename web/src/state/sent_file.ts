/** One file on its way to the server. */

import { address } from "../base";
import { refusalIn } from "../realtime/http";
import { isRefusal, problem } from "../realtime/problem";

export interface SentFile {
  readonly answer: Promise<{ id: string }>;
  stop(): void;
}

/** Sends it. `XMLHttpRequest`, because `fetch` does not tell how much has been sent. */
export function posted(file: File, token: string, onProgress: (fraction: number) => void): SentFile {
  const request = new XMLHttpRequest();
  const answer = new Promise<{ id: string }>((resolve, reject) => {
    request.open("POST", address("/v1/tracks"));
    request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.upload.onprogress = ({ loaded, total }) => onProgress(total > 0 ? loaded / total : 0);
    request.onerror = () => reject(problem("offline"));
    // Nobody reads this one: whoever stops an upload has dismissed it.
    request.onabort = () => reject(problem("offline"));
    request.onload = () => {
      const body = parsed(request.responseText);
      if (request.status < 300 && !isRefusal(body)) resolve(body as { id: string });
      else reject(refusalIn(request.status, body));
    };
  });
  const form = new FormData();
  form.append("file", file);
  request.send(form);
  return { answer, stop: () => request.abort() };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
