'use strict';

// Scenes out of a prompt, always the same ones for the same prompt.

const PLACES = ['a harbour', 'a mountain hut', 'an old library', 'a night train'];
const MOODS = ['calm', 'tense', 'bright', 'strange'];
const COUNT_MAX = 20;

function hash(text) {
  let value = 2166136261;
  for (const character of text) {
    value = Math.imul(value ^ character.codePointAt(0), 16777619) >>> 0;
  }
  return value;
}

function scenes(prompt, count) {
  if (typeof prompt !== 'string' || prompt.trim() === '') {
    throw new RangeError('the prompt is empty');
  }
  if (!Number.isInteger(count) || count < 1 || count > COUNT_MAX) {
    throw new RangeError(`the count must be between 1 and ${COUNT_MAX}`);
  }
  return Array.from({ length: count }, (_, index) => {
    const value = hash(`${prompt}:${index}`);
    return { index, prompt, place: PLACES[value % PLACES.length], mood: MOODS[(value >>> 8) % MOODS.length] };
  });
}

module.exports = { scenes, COUNT_MAX };
