/** What the sheets and rarer pages say: accounts, sharing, invitations. They come later than the first page; who needs this imports it. */

import { alsoEnglish } from "./index";

export const sheetsEnglish = {
  "share.code": "QR code of the link to this room",
  "share.copied": "Copied",
  "share.copy": "Copy link",
  "share.link": "Link to this room",
  "share.local": "This address works on this computer only. Start the server with --lan to let others in.",
  "share.send": "Send with…",
  "share.text": "Scan it or send the link. Listeners need no account.",
  "share.title": "Let them in",
} as const;

alsoEnglish(sheetsEnglish);
