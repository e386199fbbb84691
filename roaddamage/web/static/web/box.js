/* The box over a picture: drawn as a share of it, moved and resized by mouse, touch and arrow keys. */
'use strict';
const RoadDamageBox = (() => {
  const SVG = 'http://www.w3.org/2000/svg';
  const LEAST = 0.01, STEP = 0.005, REACH_PX = 22;

  class Box {
    constructor(stage) {
      this.stage = stage;
      this.least = Number(stage.dataset.least) || LEAST;
      this.outside = stage.querySelector('path.outside');
      this.svg = stage.querySelector('svg');
      this.rect = stage.querySelector('rect.box');
      this.kept = stage.dataset.box ? JSON.parse(stage.dataset.box) : null;
      this.value = this.kept;
      this.grips = [];
      this.svg.addEventListener('pointerdown', (event) => this.grab(event));
      this.svg.addEventListener('pointermove', (event) => this.drag(event));
      for (const name of ['pointerup', 'pointercancel']) this.svg.addEventListener(name, () => { this.held = null; });
      new ResizeObserver(() => this.draw()).observe(stage);
    }

    begin() {
      this.value = this.kept ? [...this.kept] : [0.4, 0.6, 0.6, 0.8];
      this.stage.classList.add('adjusting');
      this.svg.setAttribute('tabindex', '0');
      this.svg.setAttribute('role', 'group');
      this.svg.removeAttribute('aria-hidden');
      this.svg.setAttribute('aria-label', this.stage.dataset.label);
      for (let corner = 0; corner < 4; corner += 1) {
        const pair = ['grip', 'reach'].map((name) => {
          const circle = document.createElementNS(SVG, 'circle');
          circle.setAttribute('class', corner % 3 ? `${name} turned` : name);
          circle.setAttribute('r', name === 'grip' ? 6 : REACH_PX);
          circle.dataset.corner = corner;
          return this.svg.appendChild(circle);
        });
        this.grips.push(pair);
      }
      this.draw();
      this.svg.focus({ preventScroll: true });
    }

    end() {
      this.stage.classList.remove('adjusting');
      this.svg.removeAttribute('tabindex');
      this.grips.flat().forEach((circle) => circle.remove());
      this.grips = [];
      this.held = null;
      this.value = this.kept;
      this.draw();
    }

    at(event) {
      const area = this.svg.getBoundingClientRect();
      return [(event.clientX - area.left) / area.width, (event.clientY - area.top) / area.height];
    }

    grab(event) {
      if (!this.stage.classList.contains('adjusting')) return;
      const corner = event.target.dataset.corner;
      if (corner === undefined && event.target !== this.rect) return;
      this.held = { corner, from: this.at(event), value: [...this.value] };
      this.svg.setPointerCapture(event.pointerId);
      event.preventDefault();
    }

    drag(event) {
      if (!this.held) return;
      const [x, y] = this.at(event), { corner, from, value } = this.held;
      const move = [x - from[0], y - from[1]];
      if (corner === undefined) this.put(this.moved(value, ...move));
      else this.put(this.resized(value, Number(corner), ...move));
    }

    moved([x1, y1, x2, y2], east, south) {
      const dx = Math.min(Math.max(east, -x1), 1 - x2), dy = Math.min(Math.max(south, -y1), 1 - y2);
      return [x1 + dx, y1 + dy, x2 + dx, y2 + dy];
    }

    resized(value, corner, east, south) {
      const next = [...value], x = corner % 2 ? 2 : 0, y = corner > 1 ? 3 : 1;
      next[x] = x ? Math.min(Math.max(value[2] + east, value[0] + this.least), 1) : Math.max(Math.min(value[0] + east, value[2] - this.least), 0);
      next[y] = y === 3 ? Math.min(Math.max(value[3] + south, value[1] + this.least), 1) : Math.max(Math.min(value[1] + south, value[3] - this.least), 0);
      return next;
    }

    arrow(key, resize) {
      const way = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[key];
      if (!way) return false;
      this.put(resize ? this.resized(this.value, 3, ...way) : this.moved(this.value, ...way));
      return true;
    }

    put(value) {
      this.value = value;
      this.draw();
      this.stage.dispatchEvent(new Event('boxput'));
    }

    draw() {
      const { clientWidth: wide, clientHeight: tall } = this.stage;
      this.svg.setAttribute('viewBox', `0 0 ${Math.max(wide, 1)} ${Math.max(tall, 1)}`);
      this.rect.style.display = this.value ? '' : 'none';
      if (!this.value) return;
      const [x1, y1, x2, y2] = this.value.map((share, index) => share * (index % 2 ? tall : wide));
      for (const [name, size] of Object.entries({ x: x1, y: y1, width: x2 - x1, height: y2 - y1 })) this.rect.setAttribute(name, size);
      if (this.outside) this.outside.setAttribute('d', `M0 0H${wide}V${tall}H0Z M${x1} ${y1}V${y2}H${x2}V${y1}Z`);
      this.grips.forEach((pair, corner) => pair.forEach((circle) => {
        circle.setAttribute('cx', corner % 2 ? x2 : x1);
        circle.setAttribute('cy', corner > 1 ? y2 : y1);
      }));
    }
  }

  const attach = (root) => [...root.querySelectorAll('.stage')].map((stage) => new Box(stage));
  document.addEventListener('DOMContentLoaded', () => attach(document));
  return { attach };
})();
