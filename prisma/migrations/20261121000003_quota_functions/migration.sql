-- Reserves quota for a node (named by its spool): as much as it wants, but at most an eighth of the rest for each node, so that blocks
-- shrink with it and the last units go one by one. Says what was granted (0: used up), what is handed out in all, and what others hold.
CREATE FUNCTION reserve_quota(node text, org text, env text, period text, most integer, want integer, nodes integer,
    OUT granted integer, OUT handed_out integer, OUT others integer)
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    SELECT "used" INTO handed_out FROM public."QuotaPeriod" WHERE "orgId" = org AND "environment" = env AND "month" = period FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO public."QuotaPeriod" ("orgId", "environment", "month", "used") VALUES (org, env, period, 0) ON CONFLICT DO NOTHING;
        SELECT "used" INTO handed_out FROM public."QuotaPeriod" WHERE "orgId" = org AND "environment" = env AND "month" = period FOR UPDATE;
    END IF;
    granted := CASE WHEN handed_out >= most THEN 0 ELSE greatest(least(want, (most - handed_out) / (8 * nodes)), 1) END;
    others := 0;
    IF granted > 0 THEN
        UPDATE public."QuotaPeriod" SET "used" = "used" + granted WHERE "orgId" = org AND "environment" = env AND "month" = period;
        INSERT INTO public."QuotaBlock" ("spool", "orgId", "environment", "month", "held") VALUES (node, org, env, period, granted)
        ON CONFLICT ("spool", "orgId", "environment", "month") DO UPDATE SET "held" = public."QuotaBlock"."held" + excluded."held";
        handed_out := handed_out + granted;
    ELSE
        SELECT coalesce(sum("held"), 0) INTO others FROM public."QuotaBlock"
        WHERE "orgId" = org AND "environment" = env AND "month" = period AND "spool" <> node;
    END IF;
END
$$;

-- Gives back what a node reserved and did not use: so many units, or (null) all that it holds. Nothing when its blocks were settled meanwhile.
CREATE FUNCTION return_quota(node text, org text, env text, period text, units integer) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    returned integer := 0;
BEGIN
    -- The period first, as reserve_quota does, so that the two cannot wait for each other.
    PERFORM FROM public."QuotaPeriod" WHERE "orgId" = org AND "environment" = env AND "month" = period FOR UPDATE;
    SELECT least("held", coalesce(units, "held")) INTO returned FROM public."QuotaBlock"
    WHERE "spool" = node AND "orgId" = org AND "environment" = env AND "month" = period AND "held" >= coalesce(units, 0) FOR UPDATE;
    IF FOUND THEN
        UPDATE public."QuotaBlock" SET "held" = "held" - returned
        WHERE "spool" = node AND "orgId" = org AND "environment" = env AND "month" = period;
        UPDATE public."QuotaPeriod" SET "used" = "used" - returned WHERE "orgId" = org AND "environment" = env AND "month" = period;
    END IF;
END
$$;

-- Plans are rows the operator edits, in SQL: nodes forget everything they know then.
CREATE FUNCTION announce_plan() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    PERFORM public.announce(array['*']);
    RETURN NULL;
END
$$;

CREATE TRIGGER plan_announced AFTER UPDATE ON "Plan" FOR EACH STATEMENT EXECUTE FUNCTION announce_plan();
