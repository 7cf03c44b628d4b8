// Names for what Chainlit's page leaves nameless: buttons that are pictures only, regions, the place where one writes.
(() => {
  const NAMES = {
    '#sidebar-trigger-button': 'Show or hide conversations',
    '#new-chat-button': 'New chat',
    '#search-chats-button': 'Search conversations',
    '#theme-toggle': 'Light or dark',
    '#user-nav-button': 'Sign out, and other things of yours',
    '#upload-button': 'Attach files',
    '#chat-submit': 'Send',
    '#stop-button': 'Stop',
    '#chat-settings-open-modal': 'Settings of this chat',
    '#chat-input': 'Your message',
    '#readme-button': 'About Staffwork',
  };
  const PICTURES = [
    ['button:has(> svg.lucide-eye), button:has(> svg.lucide-eye-off)', 'Show or hide the password'],
    ['button:has(> svg.lucide-arrow-down)', 'To the newest message'],
    ['button.positive-feedback-off, button.positive-feedback-on', 'This was good'],
    ['button.negative-feedback-off, button.negative-feedback-on', 'This was not good'],
    ['.message-content ~ div button:has(> svg.lucide-copy), button:has(> svg.lucide-copy)', 'Copy'],
  ];
  const named = (node) => node.getAttribute('aria-label') || node.getAttribute('aria-labelledby') || node.innerText?.trim();
  const name = (fresh) => {
    for (const [where, words] of Object.entries(NAMES)) {
      const node = document.querySelector(where);
      if (node && !named(node)) node.setAttribute('aria-label', words);
    }
    for (const [where, words] of PICTURES) {
      for (const node of fresh(where)) if (!named(node)) node.setAttribute('aria-label', words);
    }
    // In the list of conversations a link holds a button, and that one what opens a menu: Tab stops once, and `o` opens the menu (keyboard.js).
    for (const node of fresh('a > button[data-sidebar="menu-button"]:not([tabindex])')) node.setAttribute('tabindex', '-1');
    for (const node of fresh('ul[data-sidebar="menu"]:not([role]):has(> div)')) node.setAttribute('role', 'none');
    for (const node of fresh('div#thread-options:not([role])')) {
      for (const [attribute, value] of Object.entries({ role: 'button', 'aria-label': 'Rename, delete' })) node.setAttribute(attribute, value);
    }
  };
  // On a phone the list of conversations is a dialog that is named after a title it does not have.
  const list = (fresh) => {
    for (const node of fresh('[role="dialog"][data-sidebar="sidebar"]:not([aria-label])')) {
      node.setAttribute('aria-label', 'Conversations');
      node.removeAttribute('aria-labelledby');
    }
  };
  window.staffwork.whenDrawn(name);
  window.staffwork.whenDrawn(list);
})();
