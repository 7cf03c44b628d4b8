// Keys for everything in the chat, and the sheet that lists them (?). While somebody types, or a dialog is open, they are letters.
(() => {
  const { make } = window.staffwork;
  const first = (where) => Array.from(document.querySelectorAll(where)).find((node) => node.offsetParent !== null);
  const press = (where) => () => first(where)?.click();
  const WAITING = '#steer .steer-card button:not([disabled]), #steer .steer-card textarea, #steer .steer-card a';

  const focus = (where) => () => {
    const node = first(where);
    node?.scrollIntoView({ block: 'nearest' });
    node?.focus();
  };
  const along = (by) => () => {
    const steps = Array.from(document.querySelectorAll('button[id^="step-"]')).filter((node) => node.offsetParent !== null);
    if (!steps.length) return;
    const at = steps.indexOf(document.activeElement);
    const next = steps[Math.min(Math.max(at < 0 ? (by > 0 ? 0 : steps.length - 1) : at + by, 0), steps.length - 1)];
    next.scrollIntoView({ block: 'center' });
    next.focus();
  };

  // Chainlit's menu of a conversation opens as it does for Enter.
  const options = () => {
    const item = document.activeElement?.closest('li[id^="thread-"]') ?? first(`li[id="${window.location.pathname.replace('/thread/', 'thread-')}"]`);
    item?.querySelector('#thread-options')?.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
  };

  // The key, what it does in words, and how. Two keys may do the same.
  const KEYS = [
    [['n'], 'New chat', press('#new-chat-button')],
    [['s'], 'Search conversations', press('#search-chats-button')],
    [['/', 'c'], 'Write a message', focus('#chat-input')],
    [['x'], 'Stop what is under way', press('#stop-button')],
    [['a'], 'What waits for you here: allow, reject, answer', focus(WAITING)],
    [['i'], 'Go to the inbox', () => window.location.assign('/inbox')],
    [['m'], 'Menu of the other pages', press('#pages-button')],
    [['j'], 'Next step (Enter opens it)', along(1)],
    [['k'], 'Previous step', along(-1)],
    [['b'], 'Show or hide the list of conversations', press('#sidebar-trigger-button')],
    [['o'], 'Rename or delete: the conversation that has the focus in the list', options],
    [['?'], 'These keys', () => show()],
  ];
  const FIXED = [
    ['Enter', 'Send the message, or press what has the focus'],
    ['Shift+Enter', 'A new line in the message'],
    ['Esc', 'Leave the message field, close what is open'],
    ['Tab', 'To the next button or link; Shift+Tab goes back'],
  ];

  const sheet = make('dialog', { id: 'keys-sheet', class: 'keys-sheet', 'aria-labelledby': 'keys-title' });
  const row = (keys, words) => [make('dt', {}, ...keys.flatMap((key, n) => (n ? [' or ', make('kbd', {}, key)] : [make('kbd', {}, key)]))), make('dd', {}, words)];
  const close = make('button', { type: 'button', class: 'keys-close', onclick: () => sheet.close() }, 'Close');
  sheet.append(
    make('div', { class: 'keys-head' }, make('h2', { id: 'keys-title' }, 'Keys'), close),
    make('p', {}, 'They work while you are not typing. Esc leaves the message field.'),
    make('dl', {}, ...KEYS.flatMap(([keys, words]) => row(keys, words)), ...FIXED.flatMap(([key, words]) => row([key], words))),
  );
  sheet.addEventListener('click', ({ target }) => target === sheet && sheet.close()); // beside it

  const show = () => {
    if (!sheet.isConnected) document.body.append(sheet);
    if (!sheet.open) sheet.showModal();
    close.focus();
  };
  window.staffwork.showKeys = show;

  const typing = (node) => node?.closest?.('input, textarea, select, [contenteditable]:not([contenteditable="false"])');
  const busy = () => document.querySelector('dialog[open], [role="dialog"][data-state="open"], [role="menu"][data-state="open"], :popover-open');
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Escape' && event.target.id === 'chat-input' && !busy()) return void event.target.blur();
    if (typing(event.target) || busy() || event.repeat && !'jk'.includes(event.key)) return;
    const found = KEYS.find(([keys]) => keys.includes(event.key));
    if (!found) return;
    event.preventDefault();
    found[2]();
  });

  // Past the list of conversations and the head, straight to where one writes.
  const skip = make('a', { href: '#chat-input', class: 'skip-link', onclick: (event) => { event.preventDefault(); focus('#chat-input')(); } }, 'Skip to the message field');
  window.staffwork.whenDrawn(() => {
    if (!skip.isConnected && document.getElementById('chat-input')) document.body.prepend(skip);
  });
})();
