/** What the views say. Placeholders stand in braces; a plural has the keys `<key>.one` and `<key>.other`. */
export const viewsEnglish = {
  "listeners.one": "{count} listener",
  "listeners.other": "{count} listeners",
} as const;
