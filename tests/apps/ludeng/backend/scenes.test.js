'use strict';

const assert = require('node:assert');
const { test } = require('node:test');
const { scenes, COUNT_MAX } = require('./scenes.js');

test('the same prompt gives the same scenes', () => {
  assert.deepStrictEqual(scenes('rain', 3), scenes('rain', 3));
  assert.notDeepStrictEqual(scenes('rain', 3), scenes('snow', 3));
});

test('scenes are numbered, and each has a place and a mood', () => {
  for (const [index, scene] of scenes('rain', COUNT_MAX).entries()) {
    assert.strictEqual(scene.index, index);
    assert.ok(scene.place && scene.mood);
  }
});

test('what cannot be made is refused', () => {
  assert.throws(() => scenes(' ', 1), RangeError);
  assert.throws(() => scenes(null, 1), RangeError);
  for (const count of [0, COUNT_MAX + 1, 1.5, NaN]) {
    assert.throws(() => scenes('rain', count), RangeError);
  }
});
