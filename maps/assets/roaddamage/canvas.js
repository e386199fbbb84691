// One canvas over the map, for lines and points by the hundred thousand: no element or layer for each.
'use strict';

(function (rd) {
  // A Leaflet renderer that draws what `draw(ctx, view)` says; it moves and zooms with the map.
  // view: {scale, left, top, width, height}: world pixels of its corner, and its size in CSS pixels.
  rd.Canvas = L.Renderer.extend({
    options: {padding: 0.1},

    initialize(draw, options) {
      L.Renderer.prototype.initialize.call(this, options);
      this._paint = draw;
    },

    _initContainer() {
      this._container = document.createElement('canvas');
      this._container.setAttribute('aria-hidden', 'true');
      this._ctx = this._container.getContext('2d');
    },

    _destroyContainer() {
      this._container.remove();
      delete this._container;
    },

    _updatePaths() {},

    _update() {
      if (this._map._animatingZoom && this._bounds) return;
      L.Renderer.prototype._update.call(this);
      const size = this._bounds.getSize(), sharp = window.devicePixelRatio || 1;
      L.DomUtil.setPosition(this._container, this._bounds.min);
      this._container.width = sharp * size.x;
      this._container.height = sharp * size.y;
      this._container.style.width = size.x + 'px';
      this._container.style.height = size.y + 'px';
      this.repaint();
    },

    view() {
      const origin = this._map.getPixelOrigin(), size = this._bounds.getSize();
      return {
        scale: 256 * 2 ** this._map.getZoom(), zoom: this._map.getZoom(),
        left: origin.x + this._bounds.min.x, top: origin.y + this._bounds.min.y, width: size.x, height: size.y,
      };
    },

    repaint() {
      if (!this._map || !this._bounds) return;
      const sharp = window.devicePixelRatio || 1, view = this.view();
      this._ctx.setTransform(sharp, 0, 0, sharp, 0, 0);
      this._ctx.clearRect(0, 0, view.width, view.height);
      this._paint(this._ctx, view);
    },
  });

  const CELL_PX = 56, NEAR_PX = 44, FEW_IN_CELL = 3;
  const ALL_FROM_ZOOM = 17.5, FEW_IN_VIEW = 400, THIN = 6;

  // What to draw of the points that pass the mask: {points: [index], clusters: [{x, y, count, kinds}]},
  // x and y being shares of the world. Far out, points of one cell are one cluster at their mean.
  rd.clustered = function (x, y, mask, kind, kinds, view) {
    const {scale, left, top, width, height, zoom} = view;
    const firstColumn = Math.floor(left / CELL_PX), firstRow = Math.floor(top / CELL_PX);
    const columns = Math.floor((left + width) / CELL_PX) - firstColumn + 1;
    const rows = Math.floor((top + height) / CELL_PX) - firstRow + 1;
    const count = new Uint32Array(columns * rows), sumX = new Float64Array(columns * rows);
    const sumY = new Float64Array(columns * rows), parts = new Uint32Array(columns * rows * kinds);
    const seen = [];
    for (let i = 0; i < mask.length; i++) {
      if (!mask[i]) continue;
      const px = x[i] * scale, py = y[i] * scale;
      if (px < left || py < top || px > left + width || py > top + height) continue;
      const cell = (Math.floor(py / CELL_PX) - firstRow) * columns + Math.floor(px / CELL_PX) - firstColumn;
      count[cell]++;
      sumX[cell] += x[i];
      sumY[cell] += y[i];
      parts[cell * kinds + kind[i]]++;
      seen.push(i, cell);
    }
    const points = [], clusters = [];
    // Close up, and where there are few that lie apart, every one is drawn.
    const occupied = count.reduce((sum, n) => sum + (n > 0), 0);
    if (zoom >= ALL_FROM_ZOOM || seen.length / 2 <= Math.min(FEW_IN_VIEW, THIN * occupied)) {
      for (let k = 0; k < seen.length; k += 2) points.push(seen[k]);
      return {points, clusters};
    }
    for (let k = 0; k < seen.length; k += 2) if (count[seen[k + 1]] <= FEW_IN_CELL) points.push(seen[k]);
    const full = [];
    for (let cell = 0; cell < count.length; cell++) if (count[cell] > FEW_IN_CELL) full.push(cell);
    full.sort((a, b) => count[b] - count[a] || a - b);
    const taken = new Uint8Array(count.length);
    for (const cell of full) {
      if (taken[cell]) continue;
      const own = {x: sumX[cell] / count[cell], y: sumY[cell] / count[cell]};
      const total = {count: 0, x: 0, y: 0, kinds: new Array(kinds).fill(0)};
      for (const near of around(cell, columns, rows)) {
        if (taken[near] || count[near] <= FEW_IN_CELL) continue;
        const apart = Math.hypot(sumX[near] / count[near] - own.x, sumY[near] / count[near] - own.y) * scale;
        if (apart > NEAR_PX) continue;
        taken[near] = 1;
        total.count += count[near];
        total.x += sumX[near];
        total.y += sumY[near];
        for (let k = 0; k < kinds; k++) total.kinds[k] += parts[near * kinds + k];
      }
      clusters.push({x: total.x / total.count, y: total.y / total.count, count: total.count, kinds: total.kinds});
    }
    return {points, clusters};
  };

  function* around(cell, columns, rows) {
    const column = cell % columns, row = Math.floor(cell / columns);
    for (let r = Math.max(row - 1, 0); r <= Math.min(row + 1, rows - 1); r++) {
      for (let c = Math.max(column - 1, 0); c <= Math.min(column + 1, columns - 1); c++) yield r * columns + c;
    }
  }

  rd.shortNumber = n => n < 10000 ? String(n) : n < 999500 ? Math.round(n / 1000) + 'k' : (n / 1e6).toFixed(1) + 'M';

  rd.drawCluster = function (ctx, x, y, cluster, colours) {
    const radius = cluster.count < 10 ? 15 : cluster.count < 100 ? 18 : cluster.count < 10000 ? 22 : 25;
    let from = -Math.PI / 2;
    ctx.beginPath();
    ctx.arc(x, y, radius + 1, 0, 2 * Math.PI);
    ctx.fillStyle = 'rgba(40, 40, 40, .35)';
    ctx.fill();
    cluster.kinds.forEach((count, kind) => {
      if (!count) return;
      const to = from + 2 * Math.PI * count / cluster.count;
      ctx.beginPath();
      ctx.moveTo(x, y);
      ctx.arc(x, y, radius, from, to);
      ctx.fillStyle = colours[kind];
      ctx.fill();
      from = to;
    });
    ctx.beginPath();
    ctx.arc(x, y, radius * 0.72, 0, 2 * Math.PI);
    ctx.fillStyle = '#fff';
    ctx.fill();
    ctx.fillStyle = '#222';
    ctx.font = '600 12px system-ui, sans-serif';
    ctx.textAlign = 'center';
    ctx.textBaseline = 'middle';
    ctx.fillText(rd.shortNumber(cluster.count), x, y + 0.5);
    return radius;
  };

  rd.drawPoint = function (ctx, x, y, radius, colour, sign, hollow) {
    ctx.beginPath();
    ctx.arc(x, y, radius, 0, 2 * Math.PI);
    ctx.fillStyle = hollow ? 'rgba(255, 255, 255, .85)' : colour;
    ctx.fill();
    ctx.lineWidth = hollow ? 2.5 : 1.75;
    ctx.strokeStyle = hollow ? colour : '#fff';
    ctx.stroke();
    if (sign) {
      ctx.fillStyle = hollow ? colour : '#fff';
      ctx.font = `700 ${Math.round(radius * 1.5)}px system-ui, sans-serif`;
      ctx.textAlign = 'center';
      ctx.textBaseline = 'middle';
      ctx.fillText(sign, x, y + 0.5);
    }
  };

  // An ellipse of half-axes in CSS pixels, its long one at a bearing from north.
  rd.drawEllipse = function (ctx, x, y, major, minor, bearing, colour) {
    ctx.beginPath();
    ctx.ellipse(x, y, major, minor, (bearing - 90) * Math.PI / 180, 0, 2 * Math.PI);
    ctx.fillStyle = colour + '1f';
    ctx.fill();
    ctx.setLineDash([5, 4]);
    ctx.lineWidth = 1.75;
    ctx.strokeStyle = colour;
    ctx.stroke();
    ctx.setLineDash([]);
  };

  // By how much lines are thinner, far out.
  rd.thin = view => Math.min(Math.max((view.zoom - 10) / 5, 0.3), 1);

  // A line of the streets as pixels [x, y, x, y, ...], so many of them to the left of where it lies. One array for all.
  const XY = [];
  function trace({c, x, y}, i, view, aside) {
    XY.length = 0;
    for (let p = c.line_begin[i]; p < c.line_begin[i + 1]; p++) XY.push(x[p] * view.scale - view.left, y[p] * view.scale - view.top);
    if (aside) shift(XY, aside);
    return XY;
  }

  // Every point goes along the mean of what is left of the line before and after it.
  function shift(xy, aside) {
    let leftX = 0, leftY = 0;
    for (let k = 0; k < xy.length; k += 2) {
      let nextX = leftX, nextY = leftY;
      if (k + 2 < xy.length) {
        const dx = xy[k + 2] - xy[k], dy = xy[k + 3] - xy[k + 1], far = Math.hypot(dx, dy) || 1;
        nextX = dy / far;
        nextY = -dx / far;
      }
      if (!k) { leftX = nextX; leftY = nextY; }
      const reach = aside / Math.max(1 + leftX * nextX + leftY * nextY, 0.5);
      xy[k] += reach * (leftX + nextX);
      xy[k + 1] += reach * (leftY + nextY);
      leftX = nextX;
      leftY = nextY;
    }
  }

  // Lines of the streets; `style(i)` gives {colour, width, dash, aside, butt} or null. Those of one look are one path.
  rd.drawStreets = function (ctx, streets, view, style, rows = streets.all) {
    const looks = new Map();
    for (const i of rows) {
      const look = style(i);
      if (!look) continue;
      const key = `${look.order || 0} ${look.colour} ${look.width} ${look.dash || ''}`;
      if (!looks.has(key)) looks.set(key, {...look, order: look.order || 0, lines: [], asides: []});
      looks.get(key).lines.push(i);
      looks.get(key).asides.push(look.aside || 0);
    }
    ctx.lineJoin = 'round';
    for (const look of [...looks.values()].sort((a, b) => a.order - b.order)) {
      ctx.beginPath();
      look.lines.forEach((i, n) => {
        const xy = trace(streets, i, view, look.asides[n]);
        for (let k = 0; k < xy.length; k += 2) if (k) ctx.lineTo(xy[k], xy[k + 1]); else ctx.moveTo(xy[k], xy[k + 1]);
      });
      ctx.lineCap = look.dash || look.butt ? 'butt' : 'round';
      ctx.setLineDash(look.dash || []);
      ctx.strokeStyle = look.colour;
      ctx.lineWidth = look.width;
      ctx.stroke();
    }
    ctx.setLineDash([]);
  };

  // Far out stretches are smaller than a line is wide: squares instead, each coloured by what its streets make
  // together. `values(i)` gives [amount, metres] of a stretch or null, `colour` what amount a kilometre looks like.
  const SQUARE_PX = 12;
  rd.drawSquares = function (ctx, streets, view, values, colour) {
    const columns = Math.ceil(view.width / SQUARE_PX) + 1, squares = new Map(), {c, x, y} = streets;
    const left = Math.floor(view.left / SQUARE_PX), top = Math.floor(view.top / SQUARE_PX);
    for (let i = 0; i < streets.count; i++) {
      const value = values(i);
      if (!value) continue;
      const middle = Math.floor((c.line_begin[i] + c.line_begin[i + 1]) / 2);
      const column = Math.floor(x[middle] * view.scale / SQUARE_PX) - left, row = Math.floor(y[middle] * view.scale / SQUARE_PX) - top;
      if (column < 0 || column >= columns || row < 0 || row * SQUARE_PX > view.height + SQUARE_PX) continue;
      const key = row * columns + column, sum = squares.get(key) || [0, 0];
      squares.set(key, [sum[0] + value[0], sum[1] + value[1]]);
    }
    for (const [key, [amount, metres]] of squares) {
      ctx.fillStyle = colour(1000 * amount / metres);
      ctx.fillRect((left + key % columns) * SQUARE_PX - view.left, (top + Math.floor(key / columns)) * SQUARE_PX - view.top,
        SQUARE_PX - 1, SQUARE_PX - 1);
    }
  };

  // The stretch nearest to a place of the world, within so many pixels; -1 for none. `aside`: as it is drawn.
  rd.nearestStreet = function (streets, wx, wy, scale, reachPx, rows = streets.all, aside = () => 0) {
    const here = {scale, left: wx * scale, top: wy * scale};
    let best = reachPx, found = -1;
    for (const i of rows) {
      const xy = trace(streets, i, here, aside(i));
      for (let k = 0; k < xy.length - 2; k += 2) {
        const dx = xy[k + 2] - xy[k], dy = xy[k + 3] - xy[k + 1];
        const along = Math.min(Math.max(-(xy[k] * dx + xy[k + 1] * dy) / (dx * dx + dy * dy || 1), 0), 1);
        const apart = Math.hypot(xy[k] + along * dx, xy[k + 1] + along * dy);
        if (apart < best) { best = apart; found = i; }
      }
    }
    return found;
  };
})(window.RoadDamage);
