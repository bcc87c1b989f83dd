/** What the server says of files and folders, in Spanish; `reasons.test.ts` finds what is missing here. */

import type { Reasons } from "./reasons";

export const spanishReasons: Reasons = [
  ["This file is empty.", "Este archivo está vacío."],
  ["This is a picture, not music.", "Esto es una imagen, no música."],
  ["This file holds no audio that we can read.", "Este archivo no contiene audio que podamos leer."],
  ["This is a video or data without sound.", "Esto es un vídeo o datos sin sonido."],
  ["The file is no longer there.", "El archivo ya no está."],
  ["We are not allowed to read this file.", "No tenemos permiso para leer este archivo."],
  ["The server's disk is full.", "El disco del servidor está lleno."],
  ["The encoded music would be larger than one track may be.", "La música codificada ocuparía más de lo que puede ocupar una pista."],
  ["This file needs more memory than one track may use.", "Este archivo necesita más memoria de la que puede usar una pista."],
  ["This file takes longer to decode than one track may.", "Descodificar este archivo lleva más tiempo del permitido para una pista."],
  ["The decoder crashed on this file.", "El descodificador ha fallado con este archivo."],
  ["Nothing could be read from this file for two minutes.", "No se ha podido leer nada de este archivo durante dos minutos."],
  ["The file ends too early: only {read} of {claimed} could be read.", "El archivo está cortado: solo se han podido leer {read} de {claimed}."],
  ["The file ends too early: only {read} could be read.", "El archivo está cortado: solo se han podido leer {read}."],
  ["This file is damaged: only {read} of {claimed} could be read.", "Este archivo está dañado: solo se han podido leer {read} de {claimed}."],
  ["This server has no decoder for {codec}.", "Este servidor no tiene descodificador para {codec}."],
  ["this kind of audio", "este tipo de audio"],
  ["The server could not read or write this file.", "El servidor no ha podido leer o escribir este archivo."],
  [
    "The server has no memory or no files left for this; it tries again when somebody wants to hear it.",
    "Al servidor no le queda memoria o no puede abrir más archivos; lo intentará de nuevo cuando alguien quiera oírlo.",
  ],
  [
    "The file changes while it is being read; it is encoded again when somebody wants to hear it.",
    "El archivo cambia mientras se lee; se codificará de nuevo cuando alguien quiera oírlo.",
  ],
  [
    "The server was stopped each time it encoded this; it is encoded again when somebody wants to hear it.",
    "El servidor se ha detenido cada vez que lo codificaba; se codificará de nuevo cuando alguien quiera oírlo.",
  ],
  [
    "The cache for encoded music is full with what is in queues. This goes on when a track has been played; the server's owner can raise --cache-size.",
    "La caché de música codificada está llena con lo que hay en las colas. Esto seguirá cuando termine una pista; quien administra el servidor puede aumentar --cache-size.",
  ],
  ["This track was removed.", "Esta pista se ha eliminado."],
  [
    "This track is a file in a folder of music, which is never written to: remove the file there, scan, and then the track here.",
    "Esta pista es un archivo de una carpeta de música, en la que nunca se escribe: elimina allí el archivo, explora de nuevo y después elimina aquí la pista.",
  ],
  ["The folder is empty. If it is a network share: is it mounted?", "La carpeta está vacía. Si es una carpeta de red, ¿está montada?"],
  [
    "The folder does not answer; is the network there? What was found stays.",
    "La carpeta no responde; ¿hay red? Lo que ya se encontró se conserva.",
  ],
  [
    "The folder is not there. If it is a network share: is it mounted?",
    "La carpeta no está. Si es una carpeta de red, ¿está montada?",
  ],
  ["The server's disk is full; make room, and scan again.", "El disco del servidor está lleno; libera espacio y vuelve a explorar."],
  [
    "We are not allowed to read the folder; mend its permissions.",
    "No tenemos permiso para leer la carpeta; corrige sus permisos.",
  ],
  ["The folder cannot be read: {why}.", "No se puede leer la carpeta: {why}."],
  ["The folder cannot be read.", "No se puede leer la carpeta."],
  ["we are not allowed to read it", "no tenemos permiso para leerlo"],
  ["it is not there (any more)", "no está (o ya no)"],
  ["it cannot be read", "no se puede leer"],
  ["reading its tags takes too much memory", "leer sus etiquetas necesita demasiada memoria"],
];
