// A value with its past and its future.

/** Undo and redo over frozen values; changes with the same tag in one go (a drag) are one step. */
export class History extends EventTarget {
  constructor(value) {
    super();
    this.value = value;
    this.past = [];
    this.future = [];
    this.tag = null;
  }

  get canUndo() {
    return this.past.length > 0;
  }

  get canRedo() {
    return this.future.length > 0;
  }

  /** Changes keys of the value. */
  set(changes, tag = null) {
    const next = { ...this.value, ...changes };
    if (JSON.stringify(next) === JSON.stringify(this.value)) return;
    if (!tag || tag !== this.tag) this.past.push(this.value);
    this.tag = tag;
    this.future = [];
    this.go(next);
  }

  /** Ends a drag: the next change of the same tag is a step of its own. */
  settle() {
    this.tag = null;
  }

  undo() {
    if (!this.canUndo) return;
    this.future.push(this.value);
    this.tag = null;
    this.go(this.past.pop());
  }

  redo() {
    if (!this.canRedo) return;
    this.past.push(this.value);
    this.tag = null;
    this.go(this.future.pop());
  }

  go(value) {
    this.value = value;
    this.dispatchEvent(new CustomEvent("change"));
  }
}
