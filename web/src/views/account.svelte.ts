/** Whether the account sheet is open; it is drawn above every page, and asked for from several places. */

class AccountSheetState {
  open = $state(false);
}

export const accountSheet = new AccountSheetState();
