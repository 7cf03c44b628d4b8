// Before the page is drawn: whoever chose no theme gets that of their system, by day and by night.
if (!localStorage.getItem('vite-ui-theme')) localStorage.setItem('vite-ui-theme', 'system');
document.documentElement.dataset.opening = localStorage.getItem('vite-ui-theme'); // what is shown until the chat is there (opening.html)
