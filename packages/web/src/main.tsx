import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { queryClient } from './api/queries.js';
import { router } from './router.js';
import './shell/theme.js';
import './ui/tokens.css';

// A page that was loaded before an update asks for files that are no more: the new page has their names.
window.addEventListener('vite:preloadError', () => {
  const last = Number(sessionStorage.getItem('drover.reloaded') ?? '0');
  if (Date.now() - last < 10_000) return;
  sessionStorage.setItem('drover.reloaded', String(Date.now()));
  location.reload();
});

const place = document.getElementById('root');
if (place !== null) {
  createRoot(place).render(
    <StrictMode>
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </StrictMode>,
  );
}
