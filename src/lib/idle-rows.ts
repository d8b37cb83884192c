/** Rows of idle processes: made once and reused in every interval, at the cost of a pointer. */
export class IdleRows<Row> {
	private readonly rows: (Row | undefined)[] = [];
	private readonly indices = new Map<object, number>();
	private readonly free: number[] = [];

	/** Set the row of `owner`. */
	set(owner: object, row: Row): void {
		const index = this.indices.get(owner) ?? this.free.pop() ?? this.rows.length;
		this.indices.set(owner, index);
		this.rows[index] = row;
	}

	/** `owner` is not idle now; its position is kept. */
	hide(owner: object): void {
		const index = this.indices.get(owner);
		if (index !== undefined) this.rows[index] = undefined;
	}

	/** `owner` has ended. */
	remove(owner: object): void {
		const index = this.indices.get(owner);
		if (index === undefined) return;
		this.indices.delete(owner);
		this.rows[index] = undefined;
		this.free.push(index);
	}

	/** Append all rows to a list, in an order that does not change while owners stay. */
	appendTo(list: Row[]): void {
		for (const row of this.rows) if (row !== undefined) list.push(row);
	}
}
