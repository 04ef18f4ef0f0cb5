// kennel.js
