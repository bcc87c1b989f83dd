/** Which track was removed last: the lists that show it let it go. */

class Removals {
  latest = $state<string | null>(null);
}

export const removals = new Removals();
