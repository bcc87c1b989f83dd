/** The page's language: the one that was chosen here, otherwise the browser's; everything is drawn again when it changes. */

import { chooseLanguage, currentLanguage, whenRead, type Language } from "../i18n";
import { browserMemory } from "../state/storage";

const KEY = "language";

let drawn = $state(0);

/** Before the first drawing. */
export async function startLanguage(): Promise<void> {
  whenRead(() => void drawn);
  const chosen = browserMemory.read(KEY);
  await speak(chosen === null ? navigator.languages : withRegion(chosen));
}

/** From now on, and the next time as well. */
export async function changeLanguage(language: Language): Promise<void> {
  browserMemory.write(KEY, language);
  await speak(withRegion(language));
  drawn += 1;
}

async function speak(wanted: readonly string[]): Promise<void> {
  await chooseLanguage(wanted);
  document.documentElement.lang = currentLanguage();
}

/** Who reads Spanish as it is written in Mexico gets dates and numbers as they are written there. */
function withRegion(language: string): readonly string[] {
  return [...navigator.languages.filter((tag) => tag.split("-")[0]?.toLowerCase() === language), language];
}
