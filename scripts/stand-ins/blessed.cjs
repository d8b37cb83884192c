// Replaces `blessed` in the bundle. blessed-contrib expects it, but its chart draws off-screen and needs only base classes
// to inherit from; `blessed` itself cannot be bundled.
'use strict';

class Node {}

function Box(options) {
	this.options = options;
	this.width = options.width;
	this.height = options.height;
}
Box.prototype = Object.create(Node.prototype);
/** Would build the canvas once the widget is on a blessed screen, which never happens. */
Box.prototype.on = () => {};

module.exports = { Node, Box, box: Box };
