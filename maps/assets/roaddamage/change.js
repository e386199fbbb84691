// What became of each damage between two days.
'use strict';

(function (rd) {
  rd.CHANGES = ['fresh', 'worse', 'same', 'repaired', 'unclear', 'first', 'undriven'];
  // What calls for a look comes first in the list.
  rd.CHANGE_RANK = [0, 1, 6, 2, 3, 4, 5];
  const [FRESH, WORSE, SAME, REPAIRED, UNCLEAR, FIRST, UNDRIVEN] = rd.CHANGES.keys();
  rd.NO_CHANGE = 255;
  // As in maps/passes.py: what one sighting is worth, how often nothing is seen as something, how soon repairs come.
  const BEGIN = 0.98;
  const FALSE_ALARM = 0.02;
  const REPAIRS_A_DAY = 1 / 700;
  const DAY_S = 86400;
  const FEWEST_MISSES = 2;
  const GONE = 0.05;
  const SURE = 1.96;        // half the 95 % interval, in standard errors

  // The measure that severity goes by, and its error: of a length, a width, or both multiplied.
  function measured(size, by) {
    const pair = name => size[name] === null ? null : [size[name], size[name + '_sd'] || 0];
    if (by !== 'area') return pair(by);
    const length = pair('length'), width = pair('width');
    if (!length || !width) return null;
    const ratio = Math.hypot(length[1] / Math.max(length[0], 0.05), width[1] / Math.max(width[0], 0.05));
    return [length[0] * width[0], length[0] * width[0] * ratio];
  }

  // Looks weighted by their precision. The error is that of one look: what is wrong with a vehicle's camera
  // is wrong in all that it measures.
  function mean(looks) {
    let weights = 0, sum = 0, error = 0;
    for (const [value, sd] of looks) {
      const weight = 1 / Math.max(sd, 0.01) ** 2;
      weights += weight;
      sum += weight * value;
      error += sd;
    }
    return [sum / weights, error / looks.length];
  }

  rd.grew = function (before, after, by) {
    const [old, now] = [before, after].map(sizes => sizes.map(size => measured(size, by)).filter(one => one));
    if (!old.length || !now.length) return false;
    const [first, firstSd] = mean(old), [second, secondSd] = mean(now);
    return second - first > SURE * Math.max(Math.hypot(firstSd, secondSd), 0.01);
  };

  // A column of places in CHANGES; NO_CHANGE for what was first seen later than `second`, or has no date.
  rd.changes = function (damages, classes, first, second) {
    const {c, seenDay} = damages, kinds = new Uint8Array(damages.count).fill(rd.NO_CHANGE);
    for (let i = 0; i < damages.count; i++) {
      const before = [], after = [];
      let lastSeen = 0;
      for (let s = c.seen_begin[i]; s < c.seen_begin[i + 1]; s++) {
        if (seenDay[s] === rd.NO_DAY || seenDay[s] > second) continue;
        (seenDay[s] <= first ? before : after).push(s);
        lastSeen = Math.max(lastSeen, c.seen_time[s]);
      }
      if (!lastSeen) continue;
      let passedBefore = false, misses = 0, there = BEGIN, before_s = lastSeen;
      for (let m = c.missed_begin[i]; m < c.missed_begin[i + 1]; m++) {
        const day = rd.dayOf(c.missed_time[m]);
        if (day === rd.NO_DAY || day > second) continue;
        if (day <= first) passedBefore = true;
        else if (c.missed_time[m] > lastSeen) {
          there *= Math.exp(-(c.missed_time[m] - before_s) / DAY_S * REPAIRS_A_DAY);
          before_s = c.missed_time[m];
          const unseen = there * (1 - c.missed_detectable[m] / 100);
          there = unseen / (unseen + (1 - there) * (1 - FALSE_ALARM));
          misses++;
        }
      }
      if (!before.length) kinds[i] = passedBefore ? FRESH : FIRST;
      else if (misses >= FEWEST_MISSES && there < GONE) kinds[i] = REPAIRED;
      else if (after.length) {
        const sizes = rows => rows.map(s => damages.size(s));
        kinds[i] = rd.grew(sizes(before), sizes(after), classes[c.class[i]].measure) ? WORSE : SAME;
      } else kinds[i] = misses ? UNCLEAR : UNDRIVEN;
    }
    return kinds;
  };
})(window.RoadDamage);
