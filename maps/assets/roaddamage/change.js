// What became of each damage between two days.
'use strict';

(function (rd) {
  rd.CHANGES = ['fresh', 'worse', 'same', 'better', 'repaired', 'unclear', 'first', 'undriven'];
  // What calls for a look comes first in the list.
  rd.CHANGE_RANK = [0, 1, 7, 4, 2, 3, 5, 6];
  const [FRESH, WORSE, SAME, BETTER, REPAIRED, UNCLEAR, FIRST, UNDRIVEN] = rd.CHANGES.keys();
  rd.NO_CHANGE = 255;
  // As in maps/passes.py: what one sighting is worth, how often nothing is seen as something, how soon repairs come.
  const BEGIN = 0.98;
  const FALSE_ALARM = 0.02;
  const REPAIRS_A_DAY = 1 / 700;
  const DAY_S = 86400;
  const FEWEST_MISSES = 2;
  const GONE = 0.05;
  const SURE = 1.96;        // half the 95 % interval, in standard errors

  // For every sighting the measure that its damage's severity goes by, and its error: a length, a width, or both
  // multiplied; NaN where it is not known, or the look took it for another class.
  function measures(damages, classes) {
    const {c} = damages, value = new Float32Array(c.seen_time.length).fill(NaN), sd = new Float32Array(value.length);
    const read = {
      length: s => [damages.metres(c.seen_length, s), damages.metres(c.seen_length_sd, s)],
      width: s => [damages.metres(c.seen_width, s), damages.metres(c.seen_width_sd, s)],
      area: s => {
        const [length, lengthSd] = read.length(s), [width, widthSd] = read.width(s);
        const ratio = Math.hypot(lengthSd / Math.max(length, 0.05), widthSd / Math.max(width, 0.05));
        return [length * width, length * width * ratio];
      },
    };
    for (let i = 0; i < damages.count; i++) {
      const one = read[classes[c.class[i]].measure];
      for (let s = c.seen_begin[i]; s < c.seen_begin[i + 1]; s++) {
        if (c.seen_class[s] === c.class[i]) [value[s], sd[s]] = one(s);
      }
    }
    return {value, sd};
  }

  // The mean of looks by their precision. Its error is that of one look: what is wrong with a vehicle's camera is
  // wrong in all that it measures.
  function mean({value, sd}, looks) {
    let weights = 0, sum = 0, error = 0, count = 0;
    for (const s of looks) {
      if (!(value[s] >= 0 && sd[s] >= 0)) continue;
      const weight = 1 / Math.max(sd[s], 0.01) ** 2;
      weights += weight;
      sum += weight * value[s];
      error += sd[s];
      count++;
    }
    return [sum / weights, error / count];
  }

  function grown(told, before, after) {
    const [first, firstSd] = mean(told, before), [second, secondSd] = mean(told, after);
    const sure = SURE * Math.max(Math.hypot(firstSd, secondSd), 0.01);
    return second - first > sure ? WORSE : first - second > sure ? BETTER : SAME;
  }

  // A column of places in CHANGES; NO_CHANGE for what was first seen later than `second`, or has no date.
  rd.changes = function (damages, classes, first, second) {
    const {c, seenDay} = damages, kinds = new Uint8Array(damages.count).fill(rd.NO_CHANGE);
    const told = damages.measures = damages.measures || measures(damages, classes), before = [], after = [];
    for (let i = 0; i < damages.count; i++) {
      let lastSeen = before.length = after.length = 0;
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
        kinds[i] = grown(told, before, after);
      } else kinds[i] = misses ? UNCLEAR : UNDRIVEN;
    }
    return kinds;
  };
})(window.RoadDamage);
