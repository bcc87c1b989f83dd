/** What the sheets and rarer pages say, in Spanish. */

import type { sheetsEnglish } from "./en.sheets";

export const sheetsSpanish = {
  "share.code": "Código QR del enlace a esta sala",
  "share.copied": "Copiado",
  "share.copy": "Copiar enlace",
  "share.link": "Enlace a esta sala",
  "share.local": "Esta dirección solo funciona en este ordenador. Arranca el servidor con --lan para que entre más gente.",
  "share.send": "Enviar con…",
  "share.text": "Escanea el código o envía el enlace. Para escuchar no hace falta cuenta.",
  "share.title": "Que entren",
} as const satisfies Record<keyof typeof sheetsEnglish, string>;
