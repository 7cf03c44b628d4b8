// Before the page is drawn: whoever chose no theme gets that of their system, by day and by night.
if (!localStorage.getItem('vite-ui-theme')) localStorage.setItem('vite-ui-theme', 'system');
