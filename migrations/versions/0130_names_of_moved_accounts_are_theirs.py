"""In an installation of several cells, a cell opens no account under the name of one that lies in another cell."""

from alembic import op

from app.db import cell_ddl

revision = "0130"
down_revision = "0120"


def upgrade() -> None:
    cell = cell_ddl.cell()
    if cell.cells == 1:
        return
    # Whoever opens it has looked the name up before it was given away: the next look finds the other cell.
    op.execute(
        f"""CREATE OR REPLACE FUNCTION account_lies_elsewhere() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF EXISTS (
                    SELECT FROM account_names WHERE foreign_id = NEW.foreign_id AND cell <> {cell.number}
                ) THEN
                    RAISE EXCEPTION 'the account % lies in another cell', NEW.foreign_id USING ERRCODE = '40001';
                END IF;
                RETURN NEW;
            END
        $$"""
    )
    op.execute(
        """CREATE OR REPLACE TRIGGER accounts_elsewhere BEFORE INSERT ON accounts
           FOR EACH ROW EXECUTE FUNCTION account_lies_elsewhere()"""
    )
