/** Spanish, whole: the types refuse a key that is missing, a test one whose placeholders differ. */

import { djSpanish } from "./es.dj";
import { engineSpanish } from "./es.engine";
import { sheetsSpanish } from "./es.sheets";
import { viewsSpanish } from "./es.views";

export { spanishReasons as reasons } from "./es.reasons";

export default { ...engineSpanish, ...viewsSpanish, ...sheetsSpanish, ...djSpanish };
