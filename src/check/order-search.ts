import { Configurations } from './configurations.ts';
import { EventList } from './event-list.ts';
import { StepCounts } from './step-counts.ts';
import { absentState, isLegal, keeps, needs, type Steps } from './steps.ts';
import { hasOrphan, withoutUseless } from './useful-steps.ts';

/** Entries of the event list that may still be looked at, in all searches that share it. */
export interface Budget {
  left: number;
}

/** Whether there is an order of all steps but the optional ones that respects needs and times. */
export function findOrder(steps: Steps, budget: Budget): 'found' | 'none' | 'gave up' {
  const useful = withoutUseless(steps);
  return hasOrphan(useful) ? 'none' : new OrderSearch(useful, budget).run();
}

const none = -1;

/**
 * The search of Wing and Gong (1993) as improved by Lowe (2017): depth first, take any step that began
 * before the first end among those left, and never explore a configuration (the set of steps taken and
 * the state) twice. What is cut off beyond that:
 *
 * 1. A step that only looks and is legal now is taken at once: it changes nothing, so an order that has
 *    it later stays one when it moves here.
 * 2. So is a change whose value nobody will look at, where nobody left needs the present value either.
 * 3. Of open steps that need and make the same, only the one that must end first is tried: in an order
 *    with another of them here, the two can change places.
 * 4. A state is not left while a step needs it and none can make it again.
 * 5. An optional step is taken only for the sake of the next, which must be illegal without it: in an
 *    order with the fewest optional steps, each as late as possible, there is no other.
 */
class OrderSearch {
  readonly #steps: Steps;
  readonly #budget: Budget;
  readonly #list: EventList;
  readonly #counts: StepCounts;
  readonly #seen = new Configurations();
  #state = absentState;
  /** The state before the last step, where that was an optional one. */
  #before = none;
  readonly #trail: Int32Array;
  #taken = 0;
  /** Choices still to be tried, those of the deepest frame last. */
  readonly #choices: number[] = [];
  readonly #frames: Frame[] = [];

  constructor(steps: Steps, budget: Budget) {
    this.#steps = steps;
    this.#budget = budget;
    this.#list = new EventList(steps);
    this.#counts = new StepCounts(steps);
    this.#trail = new Int32Array(steps.length);
  }

  run(): 'found' | 'none' | 'gave up' {
    let isNew = this.#settle();
    for (;;) {
      if (this.#counts.requiredLeft === 0) return 'found';
      if (isNew) this.#openFrame();
      if (this.#budget.left <= 0 || this.#seen.isFull) return 'gave up';
      if (!this.#takeNextChoice()) return 'none';
      isNew = this.#settle();
    }
  }

  /** Takes what can be taken without a choice; false where nothing new is to be found from there. */
  #settle(): boolean {
    let step = this.#list.firstOpen();
    while (step >= 0) {
      this.#budget.left--;
      if (!this.#isFree(step)) {
        step = this.#list.openAfter(step);
        continue;
      }
      if (this.#isForNothing(step)) return false;
      const isLook = this.#steps.next[step] === keeps;
      const following = this.#take(step);
      step = isLook ? following : this.#list.firstOpen();
    }
    const length = this.#counts.writeConfiguration(this.#state, this.#before);
    return this.#seen.add(this.#counts.words, length);
  }

  /** Cuts 1 and 2. */
  #isFree(step: number): boolean {
    const state = this.#state;
    if (!isLegal(this.#steps, step, state)) return false;
    const next = this.#steps.next[step] as number;
    if (next === keeps) return true;
    if (this.#steps.isOptional[step] === 1 || state === absentState || next === absentState) {
      return false;
    }
    // Moved here, the change no longer makes the key present where it was: only a put never did.
    const isPut = this.#steps.need[step] === needs.other;
    return (isPut || !this.#counts.hasDeletes) && this.#counts.isUnobserved(state, next);
  }

  /** Cut 5: the optional step before this one was not needed for it. */
  #isForNothing(step: number): boolean {
    return this.#before !== none && isLegal(this.#steps, step, this.#before);
  }

  #openFrame(): void {
    this.#frames.push({
      taken: this.#taken,
      state: this.#state,
      before: this.#before,
      choices: this.#choices.length,
    });
    const from = this.#choices.length;
    for (let step = this.#list.firstOpen(); step >= 0; step = this.#list.openAfter(step)) {
      this.#budget.left--;
      if (this.#isChoice(step)) this.#choices.push(step);
    }
    this.#narrow(from);
  }

  #isChoice(step: number): boolean {
    const { next, isOptional } = this.#steps;
    if (!isLegal(this.#steps, step, this.#state) || this.#isForNothing(step)) return false;
    const to = next[step] as number;
    if (isOptional[step] === 1 && (to === this.#state || to === this.#before)) return false;
    return to === this.#state || this.#counts.mayLeave(this.#state, step);
  }

  /** Cut 3; what must end first comes to the end of the choices, where it is tried first. */
  #narrow(from: number): void {
    const choices = this.#choices;
    const { completedAt } = this.#steps;
    const tail = choices.splice(from);
    const endOf = (step: number): number => completedAt[step] as number;
    // Stable: of optional steps, which all end at infinity, the first to begin comes first.
    tail.sort((a, b) => (endOf(a) === endOf(b) ? 0 : endOf(a) - endOf(b)));
    const sorts = new Set<number>();
    const kept = tail.filter((step) => {
      const sort = this.#counts.sort[step] as number;
      return !sorts.has(sort) && sorts.add(sort);
    });
    for (let i = kept.length - 1; i >= 0; i--) choices.push(kept[i] as number);
  }

  #takeNextChoice(): boolean {
    for (;;) {
      const frame = this.#frames.at(-1);
      if (frame === undefined) return false;
      while (this.#taken > frame.taken) this.#giveBack();
      this.#state = frame.state;
      this.#before = frame.before;
      if (this.#choices.length > frame.choices) {
        this.#take(this.#choices.pop() as number);
        return true;
      }
      this.#frames.pop();
    }
  }

  #take(step: number): number {
    this.#trail[this.#taken++] = step;
    this.#counts.take(step);
    this.#before = this.#steps.isOptional[step] === 1 ? this.#state : none;
    const next = this.#steps.next[step] as number;
    if (next !== keeps) this.#state = next;
    return this.#list.take(step);
  }

  #giveBack(): void {
    const step = this.#trail[--this.#taken] as number;
    this.#list.giveBack(step);
    this.#counts.giveBack(step);
  }
}

/** A configuration whose choices are being tried. */
interface Frame {
  /** Steps taken, and choices below its own. */
  readonly taken: number;
  readonly choices: number;
  readonly state: number;
  readonly before: number;
}
