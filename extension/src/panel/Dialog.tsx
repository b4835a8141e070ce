import { useEffect, useRef, type ReactNode, type SyntheticEvent } from 'react';

interface DialogProps {
  isOpen: boolean;
  title: string;
  /** px; the window may leave less. */
  maxWidth?: number;
  onClose: () => void;
  children: ReactNode;
}

/** The browser's own modal dialog: focus stays inside, Escape closes, focus goes back. */
export function Dialog({ isOpen, title, maxWidth = 460, onClose, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (isOpen && !dialog.current?.open) {
      dialog.current?.showModal();
      // A form begins in its first field; what is read begins at the top, not at the first button, which may lie below.
      (dialog.current?.querySelector<HTMLElement>('input:not([type=radio]), input:checked') ?? heading.current)?.focus();
    }
    if (!isOpen && dialog.current?.open) dialog.current.close();
  }, [isOpen]);
  // Whoever opened it closes it: else the next key would come before the page knows, and what it opens would be closed.
  const onCancel = (event: SyntheticEvent) => {
    event.preventDefault();
    onClose();
  };
  // A browser may close it all the same, and says so a little later: by then it may have been opened again.
  const onClosed = () => {
    if (isOpen && !dialog.current?.open) onClose();
  };
  return (
    <dialog ref={dialog} style={{ maxWidth }} aria-label={title} onCancel={onCancel} onClose={onClosed}>
      {isOpen && (
        <>
          <h2 tabIndex={-1} ref={heading}>
            {title}
          </h2>
          {children}
        </>
      )}
    </dialog>
  );
}
