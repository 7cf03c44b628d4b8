// On pages of ours a form goes once. Of a press that was double, the second one would meet what came in the place of the first: on the
// inbox the next approval. And what is sent is not sent again while its answer is on the way (a form that brings a file stays on its page).
(() => {
  const AGAIN = 1500;
  const sent = new WeakMap();
  document.addEventListener('click', (event) => {
    const button = event.target.closest?.('button');
    if (event.detail > 1 && button?.type === 'submit' && button.form?.method === 'post') event.preventDefault();
  }, true);
  document.addEventListener('submit', (event) => {
    const form = event.target;
    if (form.method !== 'post') return;
    if (event.timeStamp - (sent.get(form) ?? -AGAIN) < AGAIN) return event.preventDefault();
    sent.set(form, event.timeStamp);
    return event.submitter?.setAttribute('aria-busy', 'true'); // seen while the answer is on the way; schedules.css
  });
  window.addEventListener('pageshow', () => {
    for (const button of document.querySelectorAll('button[aria-busy]')) button.removeAttribute('aria-busy');
  });
})();
