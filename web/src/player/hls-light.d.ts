// The light build (no subtitles, no DRM, no alternative audio) has the same types and ships none of its own.
declare module "hls.js/light" {
  import Hls from "hls.js";
  export default Hls;
}
