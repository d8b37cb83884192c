// Stands in for `blessed`, which blessed-contrib expects beside it and which neither bundles nor is needed: its chart
// draws on a canvas off-screen, and only wants base classes to inherit from.
'use strict';

class Node {}

function Box(options) {
	this.options = options;
	this.width = options.width;
	this.height = options.height;
}
Box.prototype = Object.create(Node.prototype);
/** Would build the canvas when the widget is put on a blessed screen, which never happens. */
Box.prototype.on = () => {};

module.exports = { Node, Box, box: Box };
